/** The streams of a backup against those that live. What lives now, and is older than the backup, must stand in it. */
import type { StreamArchive } from '#backups/archive/archive.ts';
import type { Manifest } from '#backups/manifest.ts';
import { isoTime } from '#kernel/clock.ts';
import { failed, passed, skipped, someOf, warning, type Check } from '../check.ts';
import { stateOf, type Looked } from './archive-checks.ts';
import type { LiveStream, NatsLive } from './facts.ts';

const CORDUM_PREFIX = 'CORDUM_';
/** The clock of NATS and that of whoever takes backups. */
const CLOCKS_APART_MS = 5 * 60_000;
/** Both are of the same clock, told to the nanosecond or to the millisecond. */
const SAME_TIME_MS = 1_000;
/** A cluster to which nobody gave a name makes one by chance, another one after each start. */
const MADE_BY_CHANCE = /^[A-Za-z0-9]{22}$/;

export function checkLive(backups: readonly Looked[], live: NatsLive | undefined, takenMs: number): Check {
  const name = 'nats.streams.live';
  if (live === undefined) return skipped(name, 'No live NATS was given to compare with.');
  const compared = backups.map((backup) => compare(backup, live, takenMs));
  const lost = compared.flatMap((one) => one.lost);
  if (lost.length > 0) return failed(name, `${someOf(lost)}.`);
  // It may have been made after the backup, so a person must look.
  const without = live.streams.map((stream) => stream.name).filter((stream) => stream.startsWith(CORDUM_PREFIX) && !backups.some((backup) => backup.stream === stream));
  const odd = [...compared.flatMap((one) => one.odd), ...(without.length > 0 ? [`Live, and not in the backup: ${someOf(without)}`] : [])];
  return odd.length > 0 ? warning(name, `${someOf(odd)}.`) : passed(name, `Every live stream of Cordum is in the backup, with all messages that live and are older than it; ${live.streams.length} stream(s) live.`);
}

/** Sequences are given once. So those that live, up to the last one of the backup, were there when it was taken. */
function compare(backup: Looked, live: NatsLive, takenMs: number): { readonly lost: readonly string[]; readonly odd: readonly string[] } {
  const { stream, seen } = backup;
  const lives = live.streams.find((one) => one.name === stream);
  if (lives === undefined || seen === undefined) return { lost: [], odd: lives === undefined ? [`${stream} does not live any more`] : [] };
  const last = stateOf(backup)?.last_seq ?? seen.lastSeq;
  // A server alone gives a stream the time at which it was made, and keeps it through a restore; in a cluster each server notes one of its own.
  const another = `${stream} is another stream than the live one, which was made at ${isoTime(lives.createdMs)}`;
  if (live.cluster === '' && madeBefore(seen, lives) && lives.createdMs > 0 && lives.createdMs < takenMs - CLOCKS_APART_MS) return { lost: [`${another}, before the backup`], odd: [] };
  const same = sameFirst(backup, lives);
  if (same === false && lives.createdMs < takenMs - CLOCKS_APART_MS) return { lost: [`${another}: their first messages were stored at different times`], odd: [] };
  const restarted = live.cluster === '' && same === undefined && madeAfter(seen, lives) ? [`${stream} may be another stream than the live one: by its archive it was made later; a server that was started again writes the time of its start there`] : [];
  if (isAnother(seen, lives, takenMs) || lives.lastSeq < last) return { lost: [], odd: [`${stream} was made anew, or set back, since: it counts to ${lives.lastSeq}, the backup to ${last}`] };
  const lost: string[] = [];
  if (lives.messages > 0 && lives.firstSeq <= last && (seen.messages === 0 || lives.firstSeq < seen.firstSeq)) lost.push(`${stream} begins with message ${seen.firstSeq} in the backup, and message ${lives.firstSeq} lives`);
  const least = lives.messages - (lives.lastSeq - last);
  if (seen.messages < least) lost.push(`${stream} holds ${seen.messages} messages up to ${last} in the backup, and ${least} of them or more live`);
  const gone = lives.consumers.filter((one) => one.durable && !one.memory && one.createdMs > 0 && one.createdMs < takenMs - CLOCKS_APART_MS && !seen.consumers.some(({ name }) => name === one.name));
  if (gone.length > 0) lost.push(`${stream} had consumers that are not in the backup: ${someOf(gone.map(({ name }) => name))}`);
  return { lost, odd: restarted };
}

/** A v1 archive says when its stream was made; of others it can only be told whether the live one is younger than the backup. */
function isAnother(seen: StreamArchive, lives: LiveStream, takenMs: number): boolean {
  return lives.createdMs > takenMs + CLOCKS_APART_MS || madeBefore(seen, lives);
}

function madeBefore({ config }: StreamArchive, { createdMs }: LiveStream): boolean {
  return Date.parse(String(config?.['Created'])) < createdMs - SAME_TIME_MS;
}

/** nats-server 2.9.10 writes the time of its own start into the archives of streams that it found there (seen): a later time tells nothing. */
function madeAfter({ config }: StreamArchive, { createdMs }: LiveStream): boolean {
  return createdMs > 0 && Date.parse(String(config?.['Created'])) > createdMs + SAME_TIME_MS;
}

/** Whether both begin with the same message, by its time; undefined where they begin with different ones, or one side does not say. */
function sameFirst(backup: Looked, lives: LiveStream): boolean | undefined {
  const storedMs = Date.parse(String(backup.state?.['first_ts']));
  if (Number.isNaN(storedMs) || (lives.firstMs ?? 0) === 0 || lives.messages === 0 || backup.state?.messages === 0 || backup.state?.first_seq !== lives.firstSeq) return undefined;
  return Math.abs(storedMs - (lives.firstMs ?? 0)) <= 1;
}

/** Clusters keep their name; a single server has another id after each start. */
export function checkSource(manifest: Manifest | undefined, live: NatsLive | undefined): Check {
  const name = 'nats.source.live';
  if (manifest === undefined || live === undefined) return skipped(name, manifest === undefined ? 'There is no manifest that says of which NATS it is.' : 'No live NATS was given to compare with.');
  const { identity, address, mode } = manifest.source;
  const isCluster = live.cluster !== '';
  if ((mode === 'cluster') !== isCluster) return failed(name, `It is a backup of a ${mode === 'cluster' ? 'cluster' : 'single server'} (${address}), and a ${isCluster ? 'cluster' : 'single server'} is live.`);
  if (identity.some((id) => id === live.cluster || live.identity.includes(id))) return passed(name, `It is a backup of the live NATS (${address}).`);
  if (isCluster && !MADE_BY_CHANCE.test(live.cluster)) return failed(name, `It is a backup of another cluster (${address}): ${someOf(identity)} is not the live one, ${live.cluster}.`);
  return warning(name, `The NATS that was backed up (${address}) has another id than the live one: it was started again since, or it is another one.`);
}
