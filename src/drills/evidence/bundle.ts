/** What is kept of a drill: everything that an auditor asks for, as plain JSON in one canonical form. */
import { z } from 'zod';
import { digestOf } from '#kernel/digest.ts';
import { formatDuration } from '#kernel/duration.ts';
import { toJson, type Json, type JsonObject } from '#kernel/json.ts';
import { CHECK_STATUSES } from '../check.ts';
import { PHASES } from '../context.ts';
import type { DrillOutcome } from '../run.ts';
import { mapControls } from './controls.ts';

export const BUNDLE_VERSION = 1;
export const BUNDLE_KIND = 'cordum-runbook-bot/drill';
/** A drill of a thousand streams is some MB. */
export const BUNDLE_MAX_BYTES = 32 * 1024 * 1024;
/** `20261121T060000Z-redis-1f3a9c`: it stands in names of files. */
export const DRILL_ID = /^\d{8}T\d{6}Z-[a-z]{1,20}-[0-9a-f]{6,32}$/;

export interface Approval {
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  /** It was given before the run, for this window; else on the card of the run. */
  readonly ahead?: boolean;
  readonly window?: { readonly from: string; readonly to: string } | null;
}

export interface BundleContext {
  readonly tool: { readonly name: string; readonly version: string };
  readonly runtime: { readonly node: string; readonly platform: string };
  /** Who asked for the drill: a person, or the schedule. */
  readonly requestedBy: string;
  readonly approvals: readonly Approval[];
}

/** All but what ties it to its place in the chain. */
export function bundleBody(outcome: DrillOutcome, context: BundleContext): JsonObject {
  const { checks, limits, steps } = outcome;
  const readOnly = steps.filter(({ phase }) => phase === 'live').at(-1);
  const sandboxFrom = steps.find(({ phase }) => phase === 'fetch');
  return toJson({
    version: BUNDLE_VERSION,
    kind: BUNDLE_KIND,
    id: outcome.id,
    drill: { store: outcome.store, status: outcome.status, startedAt: outcome.startedAt, endedAt: outcome.endedAt, requestedBy: context.requestedBy, choice: outcome.choice, directory: outcome.directory },
    backup: outcome.backup,
    versions: { tool: context.tool, runtime: context.runtime, servers: outcome.servers },
    isolation: {
      sandbox: outcome.sandbox,
      live: outcome.live === null ? null : { identity: outcome.live.identity, addresses: outcome.live.addresses, connections: outcome.live.connections ?? null },
      liveReadEndedAt: readOnly === undefined ? null : new Date(Date.parse(readOnly.startedAt) + readOnly.ms).toISOString(),
      sandboxStartedAt: sandboxFrom?.startedAt ?? null,
    },
    steps,
    checks,
    counts: Object.fromEntries(CHECK_STATUSES.map((status) => [status, checks.filter((check) => check.status === status).length])),
    rpo: { seconds: outcome.rpoSeconds, newestRecordAt: outcome.newestRecordAt, objectiveSeconds: Math.round(limits.rpoMs / 1_000), objectiveSet: limits.rpoSet === true },
    consistency: outcome.consistency,
    rto: { seconds: outcome.rtoSeconds, phasesMs: outcome.phases, objectiveSeconds: Math.round(limits.rtoMs / 1_000) },
    limits: { maxAgeSeconds: Math.round(limits.maxAgeMs / 1_000), tolerance: limits.tolerance },
    deviations: deviationsOf(outcome),
    approvals: context.approvals,
    teardown: outcome.teardown,
    reaped: outcome.reaped,
    controls: mapControls(checks),
  }) as JsonObject;
}

/** What was not as it should be, and what was not looked at: both are for a person to judge. */
function deviationsOf({ checks, reaped, limits }: DrillOutcome): readonly string[] {
  const odd = checks.filter(({ status }) => status !== 'passed').map(({ name, status, detail }) => `${name} ${status}: ${detail}`);
  if (reaped.length > 0) odd.push(`${reaped.length} sandbox(es) of killed drills were found and removed first.`);
  if (limits.maxAgeMs > 2 * 60 * 60_000) odd.push(`A backup may be ${formatDuration(limits.maxAgeMs)} old here; two hours are usual.`);
  return odd;
}

/** A digest of each part, so that one can say which part was changed. */
export function sectionsOf(bundle: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(bundle).filter(([name]) => name !== 'sections').map(([name, value]) => [name, digestOf(value as Json)]));
}

const time = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const check = z.object({ name: z.string(), status: z.enum(CHECK_STATUSES), detail: z.string() });

/** What is read of a bundle again: for the chain, and for the trend. */
export const bundleShape = z.looseObject({
  version: z.literal(BUNDLE_VERSION),
  kind: z.literal(BUNDLE_KIND),
  id: z.string().regex(DRILL_ID),
  sequence: z.int().positive(),
  previous: z.object({ id: z.string().regex(DRILL_ID), sha256 }).nullable(),
  drill: z.looseObject({ store: z.string(), status: z.enum(['passed', 'failed']), startedAt: time, endedAt: time }),
  backup: z.looseObject({ set: z.string(), ageSeconds: z.number(), bytes: z.number() }).nullable(),
  checks: z.array(check),
  rpo: z.looseObject({ seconds: z.number().nullable(), objectiveSeconds: z.number() }),
  rto: z.looseObject({ seconds: z.number(), phasesMs: z.record(z.enum(PHASES), z.number()), objectiveSeconds: z.number() }),
  reports: z.array(z.object({ file: z.string().regex(/^drill-[\w.-]{1,120}$/), sha256 })),
  sections: z.record(z.string(), sha256),
  key: z.object({ algorithm: z.literal('ed25519'), keyId: z.string().regex(/^[0-9a-f]{16}$/), publicKey: z.base64() }),
});
export type Bundle = z.output<typeof bundleShape>;

export function bundleFile(id: string): string {
  return `drill-${id}.json`;
}

export function signatureFile(file: string): string {
  return `${file}.sig`;
}

/** One line: `ed25519 <key id> <signature in hexadecimal digits>`. */
export function signatureLine(keyId: string, signature: Uint8Array): string {
  return `ed25519 ${keyId} ${Buffer.from(signature).toString('hex')}\n`;
}

export function readSignatureLine(text: string): { readonly keyId: string; readonly signature: Buffer } | undefined {
  const [, keyId, hex = ''] = /^ed25519 ([0-9a-f]{16}) ([0-9a-f]{128})\n$/.exec(text) ?? [];
  return keyId === undefined ? undefined : { keyId, signature: Buffer.from(hex, 'hex') };
}
