/** The configured drills of one target, put together: its live systems, the sandbox of this machine, the evidence. */
import { readInventory } from '#backups/inventory.ts';
import { stampOf } from '#backups/names.ts';
import type { DrillConfig, TargetConfig } from '#config/config.ts';
import type { DrillDesk, DrillResult } from '#drills/desk.ts';
import { writeEvidence } from '#drills/evidence/write.ts';
import { createStandings, type Standings } from '#drills/standing.ts';
import type { Clock } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { performDrill } from './drill-parts.ts';
import type { LiveSystem } from './live-system.ts';
import { VERSION } from './version.ts';

export interface DrillDeskParts {
  readonly drills: readonly DrillConfig[];
  readonly clock: Clock;
  readonly standings?: Standings;
}

/** The drills of this target, and those that belong to none. */
export function createDrillDesk(target: TargetConfig, { drills, clock, standings = createStandings() }: DrillDeskParts): DrillDesk & { close(): Promise<void> } {
  const own = drills.filter((drill) => drill.target === null || drill.target === target.name);
  const find: DrillDesk['find'] = (drill, store, token) => standings.find(drill, store, token);
  return {
    drills: () => own,
    standing: (drill) => standings.of(drill),
    find,
    async backupsSay(drill, store) {
      const inventory = await readInventory(drill.backups);
      if (!inventory.ok) return inventory.failure.message;
      const sets = inventory.value.sets.filter((set) => set.store === store && set.files.length > 0);
      const [newest] = sets;
      return newest === undefined ? `${drill.backups} holds no backup of ${store}: the drill would fail.` : `${drill.backups} holds ${sets.length} backup(s) of ${store}; the newest is ${newest.store}-${newest.stamp}, ${formatDuration(Math.max(0, clock.now() - newest.namedMs))} old by its name.`;
    },
    async run({ drill: { name }, store, token, requestedBy, approvals }, signal) {
      const drill = own.find((one) => one.name === name);
      if (drill === undefined) return fail('notFound', `No drill ${name} is configured for ${target.name}.`);
      const live = drill.target === null ? undefined : liveOf(target, store);
      const outcome = await performDrill(
        `${stampOf(clock.now())}-${store}-${token}`,
        {
          store,
          directory: drill.backups,
          choice: drill.choice.kind === 'latest' ? drill.choice : { ...drill.choice, seed: token },
          limits: drill.limits,
          temp: drill.temp,
          ...(live === undefined ? {} : { live }),
        },
        { clock, signal },
      );
      const context = { tool: { name: 'cordum-runbook-bot', version: VERSION }, runtime: { node: process.version, platform: `${process.platform}-${process.arch}` }, requestedBy, approvals };
      const evidence = await writeEvidence(outcome, context, { directory: drill.bundles, key: drill.key, clock });
      // Once more would end in the same way, and a drill without evidence is none.
      if (!evidence.ok) return fail('refused', `The drill has ${outcome.status}, but it counts for nothing. ${evidence.failure.message}`, 'no');
      const kept = await find(drill, store, token);
      return kept === undefined ? fail('unexpected', `The evidence ${evidence.value.bundle} cannot be read again.`, 'no') : succeed<DrillResult>(kept);
    },
    close: () => Promise.resolve(),
  };
}

/** As the configuration of the target has it; it was checked that drills can read it. */
function liveOf({ redis, nats }: TargetConfig, store: DrillConfig['stores'][number]): LiveSystem | undefined {
  if (store === 'nats') {
    if (nats === undefined) return undefined;
    const password = nats.password ?? nats.token;
    return { url: nats.url, ...(nats.username === undefined ? {} : { username: nats.username }), ...(password === undefined ? {} : { password }), ...(nats.tls === undefined ? {} : { tls: nats.tls }) };
  }
  if (redis?.url === undefined) return undefined;
  const tls = redis.tls ?? (redis.url.reveal().startsWith('rediss:') ? {} : undefined);
  return { url: redis.url, ...(redis.username === undefined ? {} : { username: redis.username }), ...(redis.password === undefined ? {} : { password: redis.password }), ...(tls === undefined ? {} : { tls }) };
}
