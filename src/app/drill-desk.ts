/** The configured drills of one target, put together: its live systems, the sandbox of this machine, the evidence. */
import { readInventory, type Inventory } from '#backups/inventory.ts';
import { stampOf, type Store } from '#backups/names.ts';
import type { DrillConfig, TargetConfig } from '#config/config.ts';
import type { DrillDesk, DrillResult } from '#drills/desk.ts';
import { writeEvidence } from '#drills/evidence/write.ts';
import { createStandings, type Standings } from '#drills/standing.ts';
import type { Clock } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { configuredDrill } from './configured-drill.ts';
import { performDrill } from './drill-parts.ts';
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
      // Without a backup of the configuration a drill of all goes on.
      const stores: readonly Store[] = store === 'all' ? ['redis', 'nats'] : [store];
      return stores.map((one) => sayBackups(inventory.value, one, clock.now())).join(' ');
    },
    async run({ drill: { name }, store, token, requestedBy, approvals }, signal) {
      const drill = own.find((one) => one.name === name);
      if (drill === undefined) return fail('notFound', `No drill ${name} is configured for ${target.name}.`);
      const outcome = await performDrill(`${stampOf(clock.now())}-${store}-${token}`, configuredDrill(drill, { store, seed: token, target }), { clock, signal });
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

function sayBackups({ directory, sets: all }: Inventory, store: Store, nowMs: number): string {
  const sets = all.filter((set) => set.store === store && set.files.length > 0);
  const [newest] = sets;
  return newest === undefined ? `${directory} holds no backup of ${store}: the drill would fail.` : `${directory} holds ${sets.length} backup(s) of ${store}; the newest is ${newest.store}-${newest.stamp}, ${formatDuration(Math.max(0, nowMs - newest.namedMs))} old by its name.`;
}
