import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Building } from './building.ts';
import type { DrillConfig, DrillStore, TargetConfig } from './config.ts';
import type { DrillYaml } from './drill-shape.ts';

/** Backups every hour are what Cordum's own runbooks ask for. */
const RPO_MS = 3_600_000;

/** Names are unique, and a live system that is to be compared with can be read the way that drills read it. */
export function buildDrills(drills: readonly DrillYaml[], targets: readonly TargetConfig[], { mistakes, resolvePath }: Building): DrillConfig[] {
  const seen = new Map<string, number>();
  return drills.map(({ store, choice, window, maxAge, rpo, rto, tolerance, ...drill }, i): DrillConfig => {
    const first = seen.get(drill.name);
    if (first === undefined) seen.set(drill.name, i);
    else mistakes.push({ path: ['drills', i, 'name'], expected: `expected a name of its own: this one is that of drills[${first}]` });
    const target = targets.find(({ name }) => name === drill.target);
    if (drill.target !== undefined) {
      const because = target === undefined ? `expected one of the targets: ${targets.map(({ name }) => name).join(', ') || 'none is configured'}` : whyNotRead(target, store);
      if (because !== undefined) mistakes.push({ path: ['drills', i, 'target'], expected: because });
    }
    const bundles = resolvePath(drill.bundles);
    return {
      name: drill.name,
      target: target?.name ?? null,
      stores: [store],
      backups: resolvePath(drill.backups),
      sandbox: drill.sandbox,
      choice: choice === 'latest' ? { kind: 'latest' } : { kind: 'random', windowMs: window },
      limits: { maxAgeMs: maxAge, rpoMs: rpo ?? RPO_MS, rpoSet: rpo !== undefined, rtoMs: rto, tolerance },
      bundles,
      key: drill.key === undefined ? join(bundles, 'signing-key.pem') : resolvePath(drill.key),
      temp: drill.temp === undefined ? tmpdir() : resolvePath(drill.temp),
    };
  });
}

function whyNotRead({ redis, nats }: TargetConfig, store: DrillStore): string | undefined {
  if (store !== 'nats') {
    if (redis === undefined) return 'expected a target with redis: the drill compares with it. Leave target out to compare with nothing';
    if (redis.url === undefined) return 'expected a target whose redis has a url: a drill cannot ask a Sentinel yet. Leave target out to compare with nothing';
  }
  if (store !== 'nats' && store !== 'all') return undefined;
  return nats === undefined ? 'expected a target with nats: the drill compares with it. Leave target out to compare with nothing' : undefined;
}
