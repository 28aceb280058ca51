import { cutText } from '#kernel/text.ts';
import { defineRead, succeed, z } from '#step-kit/index.ts';
import { agreedMaster } from '../client.ts';
import { plain } from '../failure.ts';
import { type Problem, problem, why } from '../records.ts';
import type { SentinelView, Watched } from '../sentinel.ts';
import { Redis } from '../system.ts';
import { writeAddress } from '../target.ts';

const LONGEST_TEXT = 200;

const output = z.object({
  /** False: the target is not configured with Sentinels. */
  enabled: z.boolean(),
  /** Whether any Sentinel answers. */
  reachable: z.boolean(),
  /** All Sentinels answer and name the same master, which is up, and enough of them reach each other. */
  healthy: z.boolean(),
  name: z.string(),
  /** The master that most of them name; empty when none does. */
  master: z.string(),
  masterDown: z.boolean(),
  failoverInProgress: z.boolean(),
  /** Whether enough Sentinels reach each other to fail over. */
  quorumReached: z.boolean(),
  quorum: z.int(),
  agree: z.boolean(),
  sentinels: z.array(
    z.object({ address: z.string(), reachable: z.boolean(), why, master: z.string(), masterDown: z.boolean(), replicas: z.int(), otherSentinels: z.int(), quorumReached: z.boolean(), say: z.string() }),
  ),
  /** As the first Sentinel sees them that names the agreed master. */
  replicas: z.array(z.object({ address: z.string(), up: z.boolean(), linkUp: z.boolean(), flags: z.string() })),
  problems: z.array(problem),
  truncated: z.boolean(),
  say: z.string(),
});

const NOTHING = { enabled: false, reachable: false, healthy: false, name: '', master: '', masterDown: false, failoverInProgress: false, quorumReached: false, quorum: 0, agree: false, sentinels: [], replicas: [], problems: [], truncated: false };

export const sentinelGet = defineRead({
  name: 'redis.sentinel.get',
  summary: 'Asks every configured Sentinel for the master, its replicas and whether a failover is possible, and compares their answers.',
  input: z.object({}),
  output,
  examples: [{ title: 'A target without Sentinels', with: {}, output: { ...NOTHING, say: 'This target is not configured with Sentinels.' } }],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const asked = await ctx.use(Redis).sentinels(ctx);
    if (asked === undefined) return succeed({ ...NOTHING, say: 'This target is not configured with Sentinels.' });
    if (ctx.signal.aborted) return plain({ reason: 'cancelled', message: 'Asking the Sentinels was cancelled.' });
    return succeed(answer(asked.master, asked.views));
  },
});

function answer(name: string, views: readonly SentinelView[]): z.input<typeof output> {
  const agreed = agreedMaster(views);
  const master = agreed === undefined ? '' : writeAddress(agreed);
  const reached = views.filter((view) => view.failure === undefined);
  const names = new Set(reached.map((view) => addressOf(view.master)));
  const seen = reached.find((view) => addressOf(view.master) === master);
  const masterDown = reached.some((view) => view.master?.objectivelyDown === true) || (reached.length > 0 && reached.every((view) => view.master?.subjectivelyDown === true));
  const quorumReached = reached.some((view) => view.quorumReached === true) && reached.every((view) => view.quorumReached !== false);
  const problems = problemsOf(views, { name, master, masterDown, quorumReached, agree: names.size <= 1 });
  return {
    enabled: true,
    reachable: reached.length > 0,
    healthy: problems.length === 0 && master !== '' && quorumReached,
    name,
    master,
    masterDown,
    failoverInProgress: reached.some((view) => view.failoverInProgress),
    quorumReached,
    quorum: seen?.quorum ?? 0,
    agree: reached.length > 0 && names.size === 1,
    sentinels: views.map((view) => ({
      address: view.address,
      reachable: view.failure === undefined,
      why: view.failure?.why ?? ('ok' as const),
      master: addressOf(view.master),
      masterDown: isDown(view.master),
      replicas: view.replicas.length,
      otherSentinels: view.otherSentinels,
      quorumReached: view.quorumReached === true,
      say: view.failure?.message ?? cutText(view.quorumSaid, LONGEST_TEXT),
    })),
    replicas: (seen?.replicas ?? []).map((replica) => ({ address: writeAddress(replica.address), up: !isDown(replica), linkUp: replica.linkUp, flags: replica.flags.join(',') })),
    problems,
    truncated: false,
    say: problems[0]?.say ?? `${reached.length} Sentinels agree that ${master} is the master of ${name}.`,
  };
}

function problemsOf(views: readonly SentinelView[], { name, master, masterDown, quorumReached, agree }: { name: string; master: string; masterDown: boolean; quorumReached: boolean; agree: boolean }): Problem[] {
  const critical: Problem[] = [];
  const warning: Problem[] = [];
  const reached = views.filter((view) => view.failure === undefined);
  if (reached.length === 0) critical.push({ code: 'noSentinel', severity: 'critical', address: views[0]?.address ?? '', say: `No Sentinel answers. ${views[0]?.failure?.message ?? ''}`.trim() });
  else if (master === '') critical.push({ code: 'noMaster', severity: 'critical', address: reached[0]?.address ?? '', say: `No Sentinel knows a master called ${name}.` });
  if (masterDown) critical.push({ code: 'masterDown', severity: 'critical', address: master, say: `The Sentinels hold the master ${master} for down.` });
  if (!agree) critical.push({ code: 'sentinelsDisagree', severity: 'critical', address: master, say: 'The Sentinels name different masters: a failover is under way, or some of them are cut off.' });
  if (reached.length > 0 && !quorumReached) critical.push({ code: 'noQuorum', severity: 'critical', address: master, say: 'Not enough Sentinels reach each other: a failover is not possible.' });
  for (const { address, failure } of views) if (failure !== undefined && reached.length > 0) warning.push({ code: 'sentinelNotSeen', severity: 'warning', address, say: failure.message });
  const replicas = reached.find((view) => addressOf(view.master) === master)?.replicas ?? [];
  for (const replica of replicas) {
    const address = writeAddress(replica.address);
    if (isDown(replica) || !replica.linkUp) warning.push({ code: 'replicaDown', severity: 'warning', address, say: `Replica ${address} is down or has no link to its master.` });
  }
  if (master !== '' && reached.length > 0 && replicas.length === 0) warning.push({ code: 'noReplica', severity: 'warning', address: master, say: `The master ${master} has no replica: nothing can take over.` });
  return [...critical, ...warning];
}

function addressOf(watched: Watched | undefined): string {
  return watched === undefined || watched.address.host === '' ? '' : writeAddress(watched.address);
}

function isDown(watched: Watched | undefined): boolean {
  return watched !== undefined && (watched.subjectivelyDown || watched.objectivelyDown || watched.disconnected);
}
