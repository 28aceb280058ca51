/** `runbook-bot drill`: options read, parts put together, answers printed. */
import { constants, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { loadConfigOfProcess } from '#config/load.ts';
import { failed, warning, type Check } from '#drills/check.ts';
import { readPublicKey } from '#drills/evidence/keys.ts';
import { verifyBundle, type Verified } from '#drills/evidence/verify.ts';
import { writeEvidence, type Evidence } from '#drills/evidence/write.ts';
import type { DrillOutcome } from '#drills/run.ts';
import { reapOrphans } from '#drills/sandbox/lease.ts';
import { prefixOfScope, sayScope } from '#drills/scope.ts';
import { systemClock } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { Result } from '#kernel/failure.ts';
import { printable } from '#kernel/text.ts';
import type { ExitCode, Given, LocalOptions } from './commands.ts';
import { isToldHere, readDrillCommand, readNamedDrill, type DrillCommand } from './drill-options.ts';
import { newDrillId, performDrill } from './drill-parts.ts';
import { Misuse, orMisuse } from './live-options.ts';
import { osUser } from './os-user.ts';
import { VERSION } from './version.ts';

export async function drillRun(given: Given, { config, json, out, note }: LocalOptions, stopped: Promise<unknown>): Promise<ExitCode> {
  const command = readCommand(given, config, note);
  if (command === undefined) return 2;
  const stop = new AbortController();
  void stopped.then(() => {
    note('Stopping: the sandbox is torn down first.');
    stop.abort();
  });
  const { toDo } = command;
  const outcome = await performDrill(newDrillId(toDo.store, systemClock), toDo, { clock: systemClock, signal: stop.signal, onStep: (phase, doing) => note(`${phase}: ${doing}`) });
  const evidence = await keepEvidence(outcome, command);
  if (evidence.ok && evidence.value.keyIsNew) note(`A new key was made to sign with: ${command.key}. Keep it, and its public half, where who can change evidence cannot.`);
  const finished = withEvidence(outcome, evidence, command);
  out(json ? JSON.stringify(answerOf(finished.outcome, finished.bundle)) : tableOf(finished.outcome, finished.bundle));
  return finished.outcome.status === 'passed' ? 0 : 1;
}

/** Undefined after a mistake, which has been said. */
function readCommand(given: Given, configPath: string | undefined, note: (text: string) => void): DrillCommand | undefined {
  if (isToldHere(given)) return orMisuse(() => readDrillCommand(given), note);
  const loaded = loadConfigOfProcess(configPath);
  if (!loaded.ok) {
    for (const problem of loaded.problems) note(problem);
    return undefined;
  }
  for (const warned of loaded.warnings) note(`warning: ${warned}`);
  return orMisuse(() => readNamedDrill(given, loaded.config), note);
}

/** Also of a drill that was stopped: that it was is evidence. */
function keepEvidence(outcome: DrillOutcome, { out, key }: DrillCommand): Promise<Result<Evidence>> {
  const context = {
    tool: { name: 'cordum-runbook-bot', version: VERSION },
    runtime: { node: process.version, platform: `${process.platform}-${process.arch}` },
    requestedBy: osUser(),
    approvals: [],
  };
  return writeEvidence(outcome, context, { directory: out, key, clock: systemClock });
}

function withEvidence(outcome: DrillOutcome, evidence: Result<Evidence>, { outWasGiven }: DrillCommand): { readonly outcome: DrillOutcome; readonly bundle: string | null } {
  if (evidence.ok) return { outcome, bundle: evidence.value.bundle };
  const name = `${prefixOfScope(outcome.store)}.evidence.written`;
  const check: Check = outWasGiven ? failed(name, evidence.failure.message) : warning(name, `${evidence.failure.message} Say with --out where evidence may be kept.`);
  return { outcome: { ...outcome, checks: [...outcome.checks, check], status: outWasGiven ? 'failed' : outcome.status }, bundle: null };
}

function answerOf(outcome: DrillOutcome, bundle: string | null): object {
  const { status, checks, backup, rpoSeconds, rtoSeconds, id, store, startedAt, endedAt, phases, servers, sandbox, teardown, reaped, newestRecordAt, consistency } = outcome;
  return { status, checks, backup, rpoSeconds, rtoSeconds, bundle, id, store, startedAt, endedAt, newestRecordAt, phases, servers, sandbox, teardown, reaped, consistency };
}

const MARKS = { passed: 'ok  ', failed: 'FAIL', warning: 'warn', skipped: 'skip' } as const;

function tableOf(outcome: DrillOutcome, bundle: string | null): string {
  const { status, store, backup, rpoSeconds, rtoSeconds, checks } = outcome;
  const failures = checks.filter((check) => check.status === 'failed');
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  const lines = checks.map((check) => `  ${MARKS[check.status]}  ${check.name.padEnd(width)}  ${printable(check.detail)}`);
  const rpo = rpoSeconds === null ? 'not measured' : formatDuration(rpoSeconds * 1_000);
  return [
    `Drill of ${sayScope(store)}: ${status.toUpperCase()}`,
    ...lines,
    '',
    `Backup    ${backup === null ? 'none' : `${backup.set}, ${formatDuration(backup.ageSeconds * 1_000)} old, ${backup.bytes} bytes`}`,
    `RPO       ${rpo}`,
    `RTO       ${rtoSeconds} s`,
    `Evidence  ${bundle ?? 'none'}`,
    // A terminal shows the end, and the checks may be many.
    ...(failures.length === 0 ? [] : [`Failed    ${failures.map(({ name }) => name).join(', ')}`]),
  ].join('\n');
}

export async function drillVerify({ words, lists }: Given, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const keys = orMisuse(
    () =>
      (lists['public-key'] ?? []).map((path) => {
        const key = readPublicKey(textOf(path));
        if (key === undefined) throw new Misuse(`--public-key: ${path} holds no Ed25519 key in PEM.`);
        return key;
      }),
    note,
  );
  if (keys === undefined) return 2;
  const verified = await verifyBundle(resolve(words['BUNDLE'] ?? ''), keys);
  out(json ? JSON.stringify(verified) : verifiedText(verified));
  return verified.status === 'valid' ? 0 : 1;
}

function verifiedText({ status, drill, id, keyId, checks }: Verified): string {
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  const head = status === 'valid' ? `The evidence is whole: ${id} (${drill}), signed by ${keyId}.` : 'The evidence is NOT whole.';
  return [head, ...checks.map((check) => `  ${MARKS[check.status]}  ${check.name.padEnd(width)}  ${printable(check.detail)}`)].join('\n');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Misuse(`${path} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given'}).`);
  }
}

export async function drillReap({ options }: Given, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const parent = resolve(options['temp'] ?? tmpdir());
  try {
    await access(parent, constants.R_OK | constants.W_OK);
  } catch (error) {
    note(`Nobody can say what was left in ${parent}: it cannot be read and written (${error instanceof Error && 'code' in error ? String(error.code) : 'for no reason given'}).`);
    return 1;
  }
  const reaped = await reapOrphans(parent, systemClock);
  if (json) out(JSON.stringify({ reaped }));
  else out(reaped.length === 0 ? 'Nothing was left behind.' : reaped.map(({ folder, killed }) => `Removed ${folder}, ended ${killed.length} process(es).`).join('\n'));
  return 0;
}
