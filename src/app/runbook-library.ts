/**
 * The runbooks on disk, kept loaded. A file with mistakes never takes the good ones down: its last good version stays in use,
 * and its mistakes are told. Polling instead of watching, because a ConfigMap swaps a symlink and NFS tells nobody.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Runbooks } from '#engine/ports.ts';
import { formatDiagnostic, type Diagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';
import type { Runbook } from '#language/runbook.ts';
import type { AnyStep } from '#step-kit/index.ts';

/** How often the folder is looked at, ms. */
const LOOK_EVERY_MS = 1_000;
/** A folder with more runbooks than this is not a folder of runbooks. */
const FILES_MAX = 1_000;
/** A larger file is not read; runbooks are a few hundred lines. */
const FILE_BYTES_MAX = 1024 * 1024;

export interface RunbookLibrary extends Runbooks {
  /** Reads the folder once. Throws when it cannot be read. */
  load(): Promise<readonly Diagnostic[]>;
  /** Looks again from time to time. */
  watch(): void;
  stop(): void;
  /** Mistakes by the name of the runbook, as the files are now; also of files of which no version was ever good. */
  problems(): ReadonlyMap<string, readonly string[]>;
  /** Mistakes of all files, as they are on disk now. */
  diagnostics(): readonly Diagnostic[];
}

/** The ending of the file that holds the cases of a runbook. */
export const CASES = '.cases.yaml';

export function isRunbookFile(name: string): boolean {
  return name.endsWith('.yaml') && !name.endsWith(CASES);
}

interface Kept {
  readonly stamp: string;
  readonly runbook: Runbook | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function createRunbookLibrary(options: { readonly dir: string; readonly steps: ReadonlyMap<string, AnyStep>; readonly clock: Clock; readonly log: Log }): RunbookLibrary {
  const { dir, steps, clock, log } = options;
  let kept = new Map<string, Kept>();
  let byName = new Map<string, Runbook>();
  let cancel = (): void => undefined;
  let stopped = false;

  const look = async (): Promise<boolean> => {
    const files = await listFiles(dir);
    const next = new Map<string, Kept>();
    let changed = files.length !== kept.size;
    for (const { path, stamp } of files) {
      const known = kept.get(path);
      if (known?.stamp === stamp) {
        next.set(path, known);
        continue;
      }
      changed = true;
      next.set(path, await read(path, stamp, known, steps));
    }
    kept = next;
    byName = new Map([...kept.values()].flatMap(({ runbook }) => (runbook === undefined ? [] : [[runbook.name, runbook] as const])).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return changed;
  };

  const lookOn = (): void => {
    cancel = clock.schedule(clock.now() + LOOK_EVERY_MS, () => {
      look()
        .then((changed) => {
          if (changed) tell();
        })
        .catch((error: unknown) => log.error({ error, dir }, 'cannot read the runbooks; the loaded ones stay in use'))
        .finally(() => {
          if (!stopped) lookOn();
        });
    });
  };

  const tell = (): void => {
    const mistakes = library.diagnostics();
    const broken = mistakes.some(({ severity }) => severity === 'error');
    log.info({ runbooks: [...byName.keys()] }, broken ? 'runbooks looked at again; of files with mistakes the last good version stays in use' : 'runbooks reloaded');
    for (const diagnostic of mistakes) log.warn({}, formatDiagnostic(diagnostic));
  };

  const library: RunbookLibrary = {
    list: () => [...byName.values()],
    get: (name) => byName.get(name),
    compile: (source, file) => loadRunbook({ file, text: source, steps }).runbook,
    async load() {
      await look();
      return library.diagnostics();
    },
    watch: lookOn,
    stop() {
      stopped = true;
      cancel();
    },
    problems: () => new Map([...kept].filter(([, { diagnostics }]) => diagnostics.length > 0).map(([path, { diagnostics }]) => [basename(path, '.yaml'), diagnostics.map(formatDiagnostic)])),
    diagnostics: () => [...kept.values()].flatMap(({ diagnostics }) => diagnostics),
  };
  return library;
}

async function listFiles(dir: string): Promise<{ readonly path: string; readonly stamp: string }[]> {
  const names = (await readdir(dir)).filter(isRunbookFile).toSorted();
  const files: { path: string; stamp: string }[] = [];
  for (const name of names.slice(0, FILES_MAX)) {
    const path = join(dir, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile() === true) files.push({ path: shown(path), stamp: `${facts.ino}:${facts.size}:${facts.mtimeMs}` });
  }
  return files;
}

/** Paths in messages are as a person at the shell would type them. */
function shown(path: string): string {
  const near = relative('', path);
  return near.startsWith('..') ? path : near;
}

async function read(path: string, stamp: string, known: Kept | undefined, steps: ReadonlyMap<string, AnyStep>): Promise<Kept> {
  const facts = await stat(path);
  if (facts.size > FILE_BYTES_MAX) {
    const diagnostic: Diagnostic = { file: path, line: 1, column: 1, severity: 'error', code: 'too-large', message: `the file has ${facts.size} bytes, at most ${FILE_BYTES_MAX} are read` };
    return { stamp, runbook: known?.runbook, diagnostics: [diagnostic] };
  }
  const { runbook, diagnostics } = loadRunbook({ file: path, text: await readFile(path, 'utf8'), steps });
  return { stamp, runbook: runbook ?? known?.runbook, diagnostics };
}
