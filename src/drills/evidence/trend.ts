/** The drills before this one, of the same store: whether restores take longer, and backups grow. */
import { z } from 'zod';

/** Points of a chart. */
const POINTS_MAX = 60;

export interface TrendPoint {
  readonly id: string;
  readonly startedAt: string;
  readonly status: string;
  readonly rtoSeconds: number;
  readonly rpoSeconds: number | null;
  readonly bytes: number | null;
}

const shape = z.looseObject({
  id: z.string(),
  drill: z.looseObject({ store: z.string(), status: z.string(), startedAt: z.string() }),
  backup: z.looseObject({ bytes: z.number() }).nullable(),
  rpo: z.looseObject({ seconds: z.number().nullable() }),
  rto: z.looseObject({ seconds: z.number() }),
});

/** The oldest first; the last of `bundles` is the drill itself. */
export function trendOf(bundles: readonly unknown[]): readonly TrendPoint[] {
  const read = bundles.flatMap((bundle) => shape.safeParse(bundle).data ?? []);
  const store = read.at(-1)?.drill.store;
  return read
    .filter((bundle) => bundle.drill.store === store)
    .slice(-POINTS_MAX)
    .map(({ id, drill, backup, rpo, rto }) => ({ id, startedAt: drill.startedAt, status: drill.status, rtoSeconds: rto.seconds, rpoSeconds: rpo.seconds, bytes: backup?.bytes ?? null }));
}
