/** The items of a configuration restore, between those that stop services and those that start them: the backup of what is there, then each key. Pure. */
import { digestOf } from '#kernel/digest.ts';
import { type AppliedItem, type Item, type JsonObject, type UndoStep, z } from '#step-kit/index.ts';
import type { ConfigChange, ConfigComparison, Side } from './client.ts';
import { outcomesOf, SAFETY, safetySetOf } from './outcome.ts';

const side = z.object({ present: z.boolean(), sha256: z.string(), bytes: z.int(), revision: z.int() });
const safety = z.object({ keys: z.array(z.object({ key: z.string(), sha256: z.string() })) });

export function itemsOf({ changes }: ConfigComparison, stamp: string, directory: string): Item[] {
  const present = changes.filter(({ now }) => now.present);
  const keys = present.map(({ key, now }) => ({ key, sha256: now.sha256 }));
  const first: Item[] = present.length === 0 ? [] : [{ key: SAFETY, title: `Back up the configuration that is there, to ${directory}: the rollback point`, current: { keys }, next: { action: 'a new backup config-…' } }];
  return [...first, ...changes.map((change) => itemOf(change, stamp))];
}

function itemOf({ key, now, next }: ConfigChange, stamp: string): Item {
  const was = now.revision < 0 ? '' : ` (revision ${now.revision} now)`;
  return {
    key,
    title: next.present ? `Restore ${key}${was} from config-${stamp}` : `Remove ${key}${was}`,
    current: sideJson(now),
    next: sideJson(next),
  };
}

function sideJson({ present, sha256, bytes, revision }: Side): JsonObject {
  return { present, sha256, bytes, revision };
}

export function changeOf(item: Item): ConfigChange {
  return { key: item.key, now: side.parse(item.current), next: side.parse(item.next) };
}

/** What the safety backup has to hold. */
export function toSave(item: Item): readonly { readonly key: string; readonly sha256: string }[] {
  return safety.parse(item.current).keys;
}

export function isSide(seen: Side, wanted: Side): boolean {
  return digestOf(sideJson(seen)) === digestOf(sideJson(wanted));
}

/** Back to the backup that was made first; keys that were not there before go. */
export function undoConfig(applied: readonly AppliedItem[], services: 'stop' | 'keep'): UndoStep | undefined {
  const set = safetySetOf(applied);
  const changed = outcomesOf(applied).filter(({ done }) => done === 'restored' || done === 'removed');
  if (set === '' || changed.length === 0) return undefined;
  const keys = changed.filter(({ wasThere }) => wasThere).map(({ key }) => key);
  const remove = changed.filter(({ wasThere }) => !wasThere).map(({ key }) => key);
  return { uses: 'restore.config.apply', with: { set, keys, remove, services }, title: `Put the configuration back as config-${set} holds it` };
}
