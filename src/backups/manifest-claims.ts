/** What a manifest says that cannot all be true: somebody has changed it, or it is that of another backup. Sentences. */
import type { BackupSet } from './inventory.ts';
import type { Manifest } from './manifest.ts';
import { SLOTS } from './redis/slots.ts';

/** Names tell seconds, manifests milliseconds. */
const SAME_TIME_MS = 1_000;
/** A clock may be a little ahead of ours. */
const AHEAD_MS = 5 * 60_000;

export function contradictionsOf(manifest: Manifest, set: Pick<BackupSet, 'namedMs'>, nowMs: number | undefined): readonly string[] {
  const { takenAt, finishedAt, files, missing, complete, source } = manifest;
  const said: string[] = [];
  const say = (wrong: boolean, sentence: string): void => {
    if (wrong) said.push(sentence);
  };
  say(Math.abs(Date.parse(takenAt) - set.namedMs) > SAME_TIME_MS, `it is of ${takenAt}, which is not the time in its name`);
  say(finishedAt < takenAt, 'it was finished before it was begun');
  say(nowMs !== undefined && Date.parse(finishedAt) > nowMs + AHEAD_MS, `it will be finished at ${finishedAt}`);
  say(complete && missing.length > 0, 'it is complete, and something is missing');
  say(source.identity.length === 0, 'it does not say of which server it is');
  // A cluster has nodes, or a name, besides the server that was asked.
  say(source.identity.length > 0 && (source.mode === 'cluster') !== source.identity.length > 1, 'it is of a cluster, and names one server, or the other way about');
  say(hasDoubles(files.map(({ path }) => path)), 'a file is named twice');
  const facts = manifest.redis?.shards.map(({ file }) => file) ?? manifest.nats?.streams.map(({ file }) => file) ?? [];
  say(hasDoubles(facts), 'a shard or stream is named twice');
  const unknown = facts.find((file) => !files.some(({ path }) => path === file));
  say(unknown !== undefined, `${unknown ?? ''} is a shard or stream, and none of its files`);
  return [...said, ...ofRedis(manifest), ...ofNats(manifest), ...ofConfig(manifest)];
}

function ofRedis({ redis, source, complete, files }: Manifest): readonly string[] {
  if (redis === undefined) return [];
  const { shards, keysByPrefix, required, sample } = redis;
  const said: string[] = [];
  const idle = files.find(({ path }) => !shards.some(({ file }) => file === path));
  if (idle !== undefined) said.push(`${idle.path} is no shard`);
  if (source.mode === 'standalone' && (shards.length > 1 || shards.some(({ slots }) => slots.length > 0))) said.push('it is of a single server, and has the shards of a cluster');
  if (source.mode === 'cluster' && complete && slotsOf(shards.flatMap(({ slots }) => slots)) !== SLOTS) said.push('it is of a whole cluster, and its shards do not own every slot once');
  if (shards.some(({ keys, expires }) => expires > keys) || keysByPrefix.some(({ count, volatile }) => volatile > count)) said.push('more keys have a time to live than there are');
  if (hasDoubles(keysByPrefix.map(({ prefix }) => prefix))) said.push('a prefix is counted twice');
  const counted = keysByPrefix.reduce((sum, { count }) => sum + count, 0);
  if (counted > shards.reduce((sum, { keys }) => sum + keys, 0)) said.push(`its shards hold fewer keys than the ${counted} that it counts by prefix`);
  if (sample.length === 0 && required.length > 0) said.push('it has keys, and no sample of them');
  return said;
}

/** 0 where two of them overlap. */
function slotsOf(ranges: readonly string[]): number {
  const owned = new Set<number>();
  let total = 0;
  for (const range of ranges) {
    const [from = 0, to = from] = range.split('-').map(Number);
    if (!(from >= 0 && to < SLOTS)) return 0;
    for (let slot = from; slot <= to; slot += 1) owned.add(slot);
    total += to - from + 1;
  }
  return owned.size === total ? total : 0;
}

function ofNats({ nats, files }: Manifest): readonly string[] {
  if (nats === undefined) return [];
  const idle = files.find(({ path }) => !path.endsWith('/backup.json') && !nats.streams.some(({ file }) => file === path));
  return [...(idle === undefined ? [] : [`${idle.path} is of no stream`]), ...nats.streams.flatMap(({ name, file, state, consumers }) => [
    ...(state.messages > 0 && state.messages > state.lastSeq - state.firstSeq + 1 ? [`${name} has more messages than sequences`] : []),
    ...(consumers.length !== state.consumers ? [`${name} has ${state.consumers} consumers, and ${consumers.length} names of them`] : []),
    ...(hasDoubles(consumers.map((consumer) => consumer.name)) ? [`${name} has a consumer twice`] : []),
    ...(file.split('/')[1]?.startsWith(`${name}.`) === true ? [] : [`the file of ${name} is ${file}`]),
  ])];
}

function ofConfig({ config }: Manifest): readonly string[] {
  return config !== undefined && hasDoubles(config.keys.map(({ key }) => key)) ? ['a key is named twice'] : [];
}

function hasDoubles(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}
