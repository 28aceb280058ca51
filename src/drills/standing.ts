/** What the evidence in a directory says of a drill: its last result, and when it last passed. */
import { join } from 'node:path';
import { bundleFile, type Bundle } from './evidence/bundle.ts';
import { listBundles, readLink } from './evidence/chain.ts';
import type { DrillResult, DrillStanding, NamedDrill } from './desk.ts';
import type { DrillScope } from './scope.ts';

/** So many bundles of one store are looked at, from the newest: a drill every day for a year. */
const LOOK_BACK = 400;
/** Bundles never change once they are written, so one that was read is remembered; the small part of it that is wanted. */
const REMEMBERED_MAX = 5_000;

interface Remembered {
  readonly result: DrillResult;
  readonly directory: string;
}

export interface Standings {
  of(drill: NamedDrill): Promise<readonly DrillStanding[]>;
  find(drill: NamedDrill, store: DrillScope, token: string): Promise<DrillResult | undefined>;
}

export function createStandings(): Standings {
  const remembered = new Map<string, Remembered>();

  const read = async (bundles: string, id: string): Promise<Remembered | undefined> => {
    const path = join(bundles, bundleFile(id));
    const known = remembered.get(path);
    if (known !== undefined) return known;
    const link = await readLink(bundles, id);
    if (link === undefined) return undefined;
    const fresh = { result: resultOf(link.bundle, path), directory: String(link.bundle.drill['directory'] ?? '') };
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(path, fresh);
    return fresh;
  };

  const idsOf = async (bundles: string, store: DrillScope): Promise<readonly string[]> => {
    try {
      return (await listBundles(bundles)).filter((id) => id.split('-')[1] === store).toReversed();
    } catch {
      // Evidence that cannot be read is none: the drill counts as never passed, and its alert says so.
      return [];
    }
  };

  return {
    async of(drill) {
      const standings: DrillStanding[] = [];
      for (const store of drill.stores) {
        let last: DrillResult | null = null;
        let lastPassedAt: string | null = null;
        for (const id of (await idsOf(drill.bundles, store)).slice(0, LOOK_BACK)) {
          const found = await read(drill.bundles, id);
          // Evidence may be shared by drills; what was restored from elsewhere says nothing of these backups.
          if (found?.directory !== drill.backups) continue;
          last ??= found.result;
          if (found.result.status !== 'passed') continue;
          lastPassedAt = found.result.endedAt;
          break;
        }
        standings.push({ store, last, lastPassedAt });
      }
      return standings;
    },
    async find(drill, store, token) {
      const id = (await idsOf(drill.bundles, store)).find((one) => one.endsWith(`-${token}`));
      return id === undefined ? undefined : (await read(drill.bundles, id))?.result;
    },
  };
}

function resultOf({ id, drill, backup, rpo, rto, checks }: Bundle, path: string): DrillResult {
  const count = (status: string): number => checks.filter((check) => check.status === status).length;
  return {
    id,
    store: drill.store,
    status: drill.status,
    endedAt: drill.endedAt,
    backup: backup === null ? null : { set: backup.set, ageSeconds: backup.ageSeconds },
    rpoSeconds: rpo.seconds,
    rtoSeconds: rto.seconds,
    bundle: path,
    failed: checks.flatMap(({ name, status, detail }) => (status === 'failed' ? [{ name, detail }] : [])),
    warnings: count('warning'),
    skipped: count('skipped'),
    checks: checks.length,
  };
}
