/** `runbook-bot backup`: options read, backups taken, listed and verified, answers printed. */
import { resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { readInventory } from '#backups/inventory.ts';
import { listBackups } from '#backups/listing.ts';
import { STORES, timeOfStamp, type Store } from '#backups/names.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import type { Taken } from '#backups/taking.ts';
import { verifySet, type SetVerdict } from '#backups/verify.ts';
import { findProgram } from '#config/programs.ts';
import { systemClock } from '#kernel/clock.ts';
import type { Failure } from '#kernel/failure.ts';
import { printable } from '#kernel/text.ts';
import { performBackup, type BackupToTake } from './backup-parts.ts';
import { listingText } from './backup-text.ts';
import type { ExitCode, Given, LocalOptions } from './commands.ts';
import { Misuse, orMisuse, readServer } from './live-options.ts';

const LIST_DEFAULT = 50;
const LIST_MAX = 10_000;

export async function backupTake(given: Given, { json, out, note }: LocalOptions, stopped: Promise<unknown>): Promise<ExitCode> {
  const toTake = orMisuse(() => readTake(given), note);
  if (toTake === undefined) return 2;
  const stop = new AbortController();
  void stopped.then(() => {
    note('Stopping: what is not finished is removed.');
    stop.abort();
  });
  const taken = await performBackup(toTake, { clock: systemClock, signal: stop.signal, onStep: note });
  if (!taken.ok) return failedWith(taken.failure, { json, out, note }, { status: 'failed', store: toTake.store });
  const { manifest } = taken.value;
  out(json ? JSON.stringify(takenAnswer(taken.value)) : takenText(taken.value));
  return manifest.complete ? 0 : 1;
}

function failedWith({ reason, message }: Failure, { json, out, note }: Pick<LocalOptions, 'json' | 'out' | 'note'>, more: object): ExitCode {
  note(printable(message));
  if (json) out(JSON.stringify({ ...more, reason, message }));
  return 1;
}

function readTake({ words, options, lists }: Given): BackupToTake {
  const store = storeOf(words['STORE']);
  const live = readServer(store, { flag: 'url', url: options['url'] ?? '' }, options);
  const streams = lists['stream'];
  if (store !== 'nats' && streams !== undefined && streams.length > 0) throw new Misuse('--stream is for nats.');
  const file = (name: string, as: string) => (options[name] === undefined ? {} : { [as]: resolve(options[name]) });
  return {
    store,
    live,
    directory: resolve(options['out'] ?? ''),
    tlsFiles: live.tls === undefined ? undefined : { ...file('ca', 'caFile'), ...file('cert', 'certFile'), ...file('cert-key', 'keyFile') },
    streams: streams === undefined || streams.length === 0 ? undefined : streams,
    temp: resolve(options['temp'] ?? tmpdir()),
  };
}

function storeOf(word: string | undefined): Store {
  const store = STORES.find((one) => one === word);
  if (store === undefined) throw new Misuse(`"${word ?? ''}" is no store: say redis, nats or config.`);
  return store;
}

function takenAnswer({ manifest, manifestPath, directory }: Taken): object {
  const { store, complete, missing, takenAt, finishedAt, source, files } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { status: complete ? 'complete' : 'incomplete', store, set: setName(manifestPath), directory, manifest: manifestPath, takenAt, finishedAt, source, complete, missing, bytes, files, holds: holds(manifest) };
}

function setName(manifestPath: string): string {
  return manifestPath.replace('.manifest.json', '');
}

function holds({ redis, nats, config }: Taken['manifest']): object {
  return {
    ...(redis === undefined ? {} : { shards: redis.shards.length, keys: redis.shards.reduce((sum, { keys }) => sum + keys, 0), required: redis.required.map(({ key }) => key), unreadable: redis.unreadable.length, newestRecordAt: redis.newestRecordAt }),
    ...(nats === undefined ? {} : { streams: nats.streams.map(({ name, format, state }) => ({ name, format, messages: state.messages, consumers: state.consumers })) }),
    ...(config === undefined ? {} : { keys: config.keys.map(({ key }) => key) }),
  };
}

function takenText({ manifest, manifestPath, directory }: Taken): string {
  const { store, complete, missing, files, redis, nats, config } = manifest;
  const keys = redis?.shards.reduce((sum, shard) => sum + shard.keys, 0) ?? 0;
  const holding = redis !== undefined ? `${keys} key(s) in ${redis.shards.length} shard(s)` : nats !== undefined ? nats.streams.map(({ name, state }) => `${name} ${state.messages} message(s), ${state.consumers} consumer(s)`).join('; ') : `${config?.keys.length ?? 0} key(s)`;
  const width = Math.max(...files.map(({ path }) => path.length));
  return [
    `Backup of ${store}: ${complete ? 'complete' : 'NOT COMPLETE'}`,
    ...missing.map((one) => `  missing  ${printable(one)}`),
    ...files.map(({ path, bytes, sha256 }) => `  ${path.padEnd(width)}  ${bytes} bytes  sha256 ${sha256}`),
    ...(redis !== undefined && redis.unreadable.length > 0 ? [`  warning  ${redis.unreadable.length} record(s) of Cordum could not be read as what they are, ${printable(redis.unreadable[0]?.key ?? '')} among them`] : []),
    `Holds     ${holding}`,
    `Manifest  ${manifestPath} in ${directory}`,
  ].join('\n');
}

export async function backupList({ words, options }: Given, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const limit = orMisuse(() => {
    const value = options['limit'] === undefined ? LIST_DEFAULT : /^\d{1,6}$/.test(options['limit']) ? Number(options['limit']) : 0;
    if (value < 1 || value > LIST_MAX) throw new Misuse(`--limit must be a number from 1 to ${LIST_MAX}.`);
    return value;
  }, note);
  if (limit === undefined) return 2;
  const inventory = await readInventory(resolve(words['DIR'] ?? ''));
  if (!inventory.ok) return failedWith(inventory.failure, { json, out, note }, { status: 'failed' });
  const listing = listBackups(inventory.value, systemClock.now(), limit);
  out(json ? JSON.stringify(listing) : listingText(listing));
  return 0;
}

export async function backupVerify({ words, options }: Given, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const chosen = orMisuse(() => readSet(options['set']), note);
  if (chosen === undefined) return 2;
  const inventory = await readInventory(resolve(words['DIR'] ?? ''));
  if (!inventory.ok) return failedWith(inventory.failure, { json, out, note }, { status: 'failed', sets: [] });
  const { directory, sets } = inventory.value;
  const wanted = sets.filter((set) => (chosen.stamp === '' || set.stamp === chosen.stamp) && (chosen.store === '' || set.store === chosen.store));
  if (wanted.length === 0) return failedWith({ reason: 'notFound', message: chosen.stamp === '' ? `There is no backup in ${directory}.` : `There is no backup of ${chosen.stamp} in ${directory}.` }, { json, out, note }, { status: 'failed', sets: [] });
  const program = findProgram('redis-check-rdb');
  const verdicts: SetVerdict[] = [];
  for (const set of wanted) {
    note(`checking ${set.store}-${set.stamp}`);
    verdicts.push(await verifySet(directory, set, { nowMs: systemClock.now(), checkRdb: program === undefined ? undefined : (file) => checkRdb(program, file) }));
  }
  const good = verdicts.every(({ problems }) => problems.length === 0);
  out(json ? JSON.stringify({ status: good ? 'ok' : 'damaged', sets: verdicts }) : verdicts.map(verdictText).join('\n'));
  return good ? 0 : 1;
}

function readSet(text: string | undefined): { readonly store: Store | ''; readonly stamp: string } {
  if (text === undefined) return { store: '', stamp: '' };
  const [, name, stamp = ''] = /^(?:([a-z]+)-)?(\S+)$/.exec(text) ?? [];
  if (timeOfStamp(stamp) === undefined) throw new Misuse('--set must be the name of a backup, such as redis-20261121T060000Z, or the time alone.');
  return { store: name === undefined ? '' : storeOf(name), stamp };
}

function verdictText({ set, problems, notes }: SetVerdict): string {
  const head = problems.length === 0 ? `ok    ${set}` : `FAIL  ${set}`;
  return [head, ...problems.map(({ file, problem }) => `      ${printable(file === '' ? problem : `${file}: ${problem}`)}`), ...notes.map((one) => `      note: ${printable(one)}`)].join('\n');
}
