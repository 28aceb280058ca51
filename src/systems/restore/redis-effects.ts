/** The items of a restore of Redis: the backup of what is there comes first, then each primary. Pure. */
import { type AppliedItem, type Item, type UndoStep, z } from '#step-kit/index.ts';
import { SAFETY, safetySetOf } from './outcome.ts';
import type { RedisOutline, RedisPrimary, RedisSurvey } from './client.ts';
import { agoText } from './words.ts';

const PREFIXES_TOLD = 15;
const NAMED = 5;
const MIB = 1024 * 1024;

const primary = z.object({ name: z.string(), id: z.string(), slots: z.string() });

/** Numbers of keys are no part of it: they move as long as services run, which are stopped only when this has been approved. */
export function itemsOf({ primaries, sha256, keys }: RedisOutline, stamp: string, directory: string): Item[] {
  const safety: Item = { key: SAFETY, title: `Back up all of Redis as it is then, to ${directory}`, current: { primaries: primaries.map(({ id }) => ({ id })) }, next: { action: 'a new backup redis-…' } };
  return [safety, ...primaries.map(({ name, id, slots }): Item => ({
    key: `restore/${name}`,
    title: `Make ${name}${slots === '' ? '' : ` (slots ${slots})`} hold what redis-${stamp} holds, and nothing else`,
    current: { name, id, slots },
    next: { set: stamp, sha256, keysOfSet: keys },
  }))];
}

export function primaryOf(item: Item): RedisPrimary {
  return primary.parse(item.current);
}

export function summaryOf(stamp: string, { servers, newestNowMs, newestNextMs }: RedisSurvey, { takenAtMs, nowMs }: { readonly takenAtMs: number; readonly nowMs: number }): string {
  const [now, next] = [sum(servers.map(({ keysNow }) => keysNow)), sum(servers.map(({ keysNext }) => keysNext))];
  const lost = newestNowMs > newestNextMs && newestNextMs > 0 ? `, among it what was written in the ${agoText(newestNowMs - newestNextMs).replace(/ old$/, '')} between the newest record there and the newest of the backup` : '';
  return `Replace all keys of Redis (${now}) by those of redis-${stamp} (${next}, ${agoText(nowMs - takenAtMs)}). Everything that changed since then is lost from Cordum${lost}, and kept in a new backup. NATS is left alone: it delivers messages of jobs that Redis then does not know.`;
}

export function notesOf({ servers, prefixes, wroteVersion, loadedVersion, newestNowMs, newestNextMs, notes }: RedisSurvey): string[] {
  const different = prefixes.filter(({ now, next }) => now !== next).toSorted((a, b) => Math.abs(b.now - b.next) - Math.abs(a.now - a.next));
  const told = different.slice(0, PREFIXES_TOLD).map(({ prefix, now, next }) => `${prefix} ${now} → ${next}`);
  const more = different.length - told.length;
  return [
    ...servers.map(({ name, version, keysNow, keysNext, bytesNext, bytesMax, appendOnly }) => `${name} (Redis ${version}, ${appendOnly ? 'append-only file on' : 'no append-only file: on disk with its next save only'}): ${keysNow} keys now, ${keysNext} then, for which it needs about ${mib(bytesNext)} of ${bytesMax === 0 ? 'memory without a limit' : mib(bytesMax)}.`),
    different.length === 0 ? 'Each prefix has as many keys now as in the backup.' : `Keys by prefix, now → then: ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    `Newest record now: ${timeText(newestNowMs)}; in the backup: ${timeText(newestNextMs)}.`,
    `The backup was written by Redis ${wroteVersion}, and loaded here by Redis ${loadedVersion}. Keys are copied over the wire, with their times to live: those that have ended since are not brought back, and no append-only file or last snapshot can win against them.`,
    ...notes,
  ];
}

export function namesOf(others: readonly { readonly name: string }[]): string {
  const named = others.slice(0, NAMED).map(({ name }) => name).join(', ');
  return others.length > NAMED ? `${named} and ${others.length - NAMED} more` : named;
}

/** Back to what was there before, also when a restore broke off in the middle of the first primary. */
export function undoRedis(applied: readonly AppliedItem[]): UndoStep | undefined {
  const set = safetySetOf(applied);
  return set === '' ? undefined : { uses: 'restore.redis.apply', with: { set }, title: `Put Redis back as redis-${set} holds it` };
}

function timeText(ms: number): string {
  return ms === 0 ? 'not known' : new Date(ms).toISOString();
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
