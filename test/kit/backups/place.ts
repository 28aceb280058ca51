/** A backup in a folder of its own, which a test damages; and the drill of it, in this process. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performDrill } from '#app/drill-parts.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { Store } from '#backups/names.ts';
import { decodeS2 } from '#backups/archive/s2.ts';
import { drillNats } from '#drills/nats/drill-nats.ts';
import { runDrill, type DrillOutcome } from '#drills/run.ts';
import { createLocalSandbox } from '#drills/sandbox/local.ts';
import { systemClock } from '#kernel/clock.ts';
import { testFolder } from '../drills/backups.ts';
import { chunksOf, encodeS2 } from './s2.ts';
import { readTarParts, writeTar, type TarPart } from './tar.ts';

export interface Place {
  readonly store: Store;
  readonly directory: string;
  readonly stamp: string;
  path(name: string): string;
  read(name: string): Buffer;
  write(name: string, bytes: Buffer | string): void;
  /** Changes the bytes of a file. */
  change(name: string, how: (bytes: Buffer) => Buffer): void;
  manifest(how: (manifest: Manifest) => unknown): void;
  /** Changes the entries of a stream's archive; checksums are right afterwards. */
  tar(stream: string, how: (parts: TarPart[]) => TarPart[], end?: Buffer): Promise<void>;
}

/** A copy of the good backup in `from`. Without its manifest when it is to be told from itself alone. */
export async function placeOf(store: Store, from: string, { manifest = true }: { readonly manifest?: boolean } = {}): Promise<Place> {
  const directory = await testFolder('damage');
  cpSync(from, directory, { recursive: true, preserveTimestamps: true });
  const stamp = /-(\d{8}T\d{6}Z)/.exec(readdirSync(directory).find((name) => name.startsWith(`${store}-`)) ?? '')?.[1] ?? '';
  const path = (name: string): string => join(directory, name.replace('TS', stamp));
  const manifestPath = path(`${store}-TS.manifest.json`);
  if (!manifest) rmSync(manifestPath, { force: true });
  const place: Place = {
    store,
    directory,
    stamp,
    path,
    read: (name) => readFileSync(path(name)),
    write: (name, bytes) => writeFileSync(path(name), bytes),
    change: (name, how) => writeFileSync(path(name), how(readFileSync(path(name)))),
    manifest: (how) => writeFileSync(manifestPath, JSON.stringify(how(JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest))),
    async tar(stream, how, end) {
      const file = `nats-TS/${stream}.snapshot/stream.tar.s2`;
      const parts: Buffer[] = [];
      for await (const part of decodeS2(chunksOf(place.read(file)))) parts.push(Buffer.from(part));
      place.write(file, encodeS2(writeTar(how(readTarParts(Buffer.concat(parts))), end)));
    },
  };
  return place;
}

const LIMITS = { maxAgeMs: 2 * 3_600_000, tolerance: 0.5, rpoMs: 3_600_000, rtoMs: 900_000 };

export async function drillOf({ store, directory }: Pick<Place, 'store' | 'directory'>): Promise<DrillOutcome> {
  return performDrill('test', { store, directory, choice: { kind: 'latest' }, limits: LIMITS, temp: await testFolder('sandboxes') }, { clock: systemClock, signal: new AbortController().signal });
}

/** A drill of JetStream as far as it goes without a server: what the files, the archives and the manifest say. */
export async function readingOf({ directory }: Pick<Place, 'directory'>): Promise<DrillOutcome> {
  const parent = await testFolder('sandboxes');
  const noServer = (): Promise<never> => Promise.reject(new Error('there is no server in this test'));
  return runDrill(
    { id: 'test', store: 'nats', directory, choice: { kind: 'latest' }, limits: LIMITS, parts: [{ store: 'nats', drill: (set, _live, ctx) => drillNats({ directory, set, live: undefined, connectNats: noServer }, ctx) }] },
    { clock: systemClock, signal: new AbortController().signal, redisCheckRdb: undefined, connect: noServer, createSandbox: () => createLocalSandbox({ parent, redisServer: undefined, natsServer: undefined, clock: systemClock, identifyRedis: noServer, identifyNats: noServer }) },
  );
}

/** Names of the failed checks, each with its sentence. */
export function failuresOf(outcome: DrillOutcome): string {
  return outcome.checks.filter(({ status }) => status === 'failed').map(({ name, detail }) => `${name}: ${detail}`).join('\n');
}

export interface Damage {
  readonly name: string;
  /** One of the failed checks without the manifest. Absent: then it cannot be seen, or the damage is in the manifest. */
  readonly alone?: RegExp;
  /** One of the failed checks with it. */
  readonly noted?: RegExp;
  apply(place: Place): void | Promise<void>;
}

/** What only a server tells: what it has restored. */
const BY_A_SERVER = /nats\\\.(?:\(\?:)?[\w|]*(?:state|checksums|content|restore)/;
/** Drills at a time: each waits for its servers more than it works. */
const AT_ONCE = 3;

/** Every damage with the manifest, and, where it can be seen in the files alone, without it: those that passed, or failed for another reason. */
export async function misses(store: Store, good: string, corpus: readonly Damage[]): Promise<string[]> {
  const missed: string[] = [];
  const kinds = corpus.flatMap((damage) => [{ damage, manifest: true, expected: damage.noted }, { damage, manifest: false, expected: damage.alone }]).values();
  const tryThem = async (): Promise<void> => {
    for (const { damage, manifest, expected } of kinds) {
      if (expected === undefined) continue;
      const place = await placeOf(store, good, { manifest });
      await damage.apply(place);
      const outcome = store === 'nats' && !BY_A_SERVER.test(expected.source) ? await readingOf(place) : await drillOf(place);
      const failures = failuresOf(outcome);
      if (outcome.status !== 'failed' || !expected.test(failures.replaceAll('\n', ' '))) missed.push(`${damage.name} (${manifest ? 'with' : 'without'} manifest): ${outcome.status}: ${failures}`);
      if (outcome.teardown !== null && (!outcome.teardown.directoryGone || outcome.teardown.left.length > 0)) missed.push(`${damage.name}: left something behind`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, tryThem));
  return missed;
}
