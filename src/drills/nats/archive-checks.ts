/** What can be said of the archive of a stream without a server: against itself, its backup.json, the manifest, and what lives. */
import { differingState, lostBlocks, type StreamArchive } from '#backups/archive/archive.ts';
import type { NatsFacts } from '#backups/manifest.ts';
import { canonicalJson } from '#kernel/digest.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { failed, passed, someOf, warning, type Check } from '../check.ts';
import type { StreamBackup, WireState } from './backup-files.ts';
import type { NatsLive } from './facts.ts';

export type NotedStream = NatsFacts['streams'][number];

export interface Looked extends StreamBackup {
  readonly seen: StreamArchive | undefined;
  readonly noted: NotedStream | undefined;
}

/** Clocks of the servers of a cluster, one of which stamped the messages before the other. */
const CLOCKS_APART_MS = 5 * 60_000;
/** What makes a stream what it is: whoever describes it does not leave these out. */
const ESSENTIAL: ReadonlySet<string> = new Set(['subjects', 'retention', 'storage', 'max_msgs', 'max_bytes', 'max_age', 'max_msgs_per_subject', 'discard', 'duplicate_window']);
/** The configuration of a stream up to 2.12. What a later server says besides is not compared. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['name', 'description', 'subjects', 'retention', 'max_consumers', 'max_msgs', 'max_bytes', 'max_age', 'max_msgs_per_subject', 'max_msg_size', 'discard', 'discard_new_per_subject', 'storage', 'num_replicas', 'no_ack', 'duplicate_window'],
  ...['placement', 'mirror', 'sources', 'compression', 'first_seq', 'subject_transform', 'republish', 'sealed', 'deny_delete', 'deny_purge', 'allow_rollup_hdrs', 'allow_direct', 'mirror_direct', 'consumer_limits', 'metadata', 'template_owner'],
  ...['allow_msg_ttl', 'subject_delete_marker_ttl', 'allow_msg_counter', 'allow_atomic', 'allow_msg_schedules', 'persist_mode'],
]);
/** Written by the store, and by no client. */
const OF_THE_STORE: ReadonlySet<string> = new Set(['Created', 'created']);

/** What the stream was, by its backup.json, else by the manifest. */
export function stateOf({ state, noted }: Pick<Looked, 'state' | 'noted'>): WireState | undefined {
  if (state !== undefined || noted === undefined) return state;
  const { messages, bytes, firstSeq, lastSeq, consumers, deleted } = noted.state;
  return { messages, bytes, first_seq: firstSeq, last_seq: lastSeq, consumer_count: consumers, num_deleted: deleted };
}

/** Its configuration; a raw v1 archive holds it itself. */
export function configOf({ stream, config, seen }: Pick<Looked, 'stream' | 'config' | 'seen'>): JsonObject | undefined {
  if (config !== undefined) return config;
  if (seen?.stream !== stream) return undefined;
  return Object.fromEntries(Object.entries(seen.config ?? { name: stream }).filter(([field]) => !OF_THE_STORE.has(field))) as JsonObject;
}

export function checkArchive(looked: Looked, live: NatsLive | undefined): readonly Check[] {
  const { stream, archive, because, seen } = looked;
  const name = `nats.archive.${stream}`;
  if (archive === undefined || seen === undefined) return [failed(name, because === '' ? 'Its archive is missing.' : `${because}.`)];
  if (because !== '') return [failed(name, `${because}.`)];
  const inMemory = memoryConsumers(looked, live);
  const problems = [...seen.problems, ...lostBlocks(seen, stateOf(looked)), ...ofConfig(looked, seen), ...(seen.problems.length > 0 ? [] : [...ofState(stateOf(looked), seen, inMemory), ...ofManifest(looked, seen)])];
  if (problems.length > 0) return [failed(name, `${someOf(problems)}.`)];
  const checks = [passed(name, `A whole ${seen.format} archive: ${seen.messages} message record(s), ${seen.consumers.length} consumer(s)${inMemory > 0 ? `; the state of up to ${inMemory} more is kept in memory, and stands in no snapshot` : ''}${seen.checkedElsewhere === true ? '; the checksums of its chunks were compared by the server that restored it' : ''}.`)];
  if (stateOf(looked) === undefined && (seen.gaps ?? []).length > 0) checks.push(warning(`nats.gaps.${stream}`, `${someOf((seen.gaps ?? []).map(({ said }) => said))}. A stream like this one drops blocks, and nothing says how many messages it held.`));
  return checks;
}

/** How many of its consumers a snapshot cannot hold: by the manifest, else by what lives. */
function memoryConsumers({ stream, noted }: Looked, live: NatsLive | undefined): number {
  const known: readonly { readonly memory?: boolean | undefined }[] = noted?.consumers ?? live?.streams.find((one) => one.name === stream)?.consumers ?? [];
  return known.filter(({ memory }) => memory === true).length;
}

function ofConfig({ stream, config }: Looked, seen: StreamArchive): readonly string[] {
  const problems: string[] = [];
  if (config !== undefined && config['name'] !== stream) problems.push(`it is a backup of ${String(config['name']).slice(0, 80)}, not of ${stream}`);
  if (seen.stream !== '' && seen.stream !== stream) problems.push(`its archive is that of ${seen.stream.slice(0, 80)}, not of ${stream}`);
  if (config === undefined || seen.config === undefined) return problems;
  const archived = seen.config;
  const differ = [...new Set([...Object.keys(config), ...Object.keys(archived)])].filter((field) => !OF_THE_STORE.has(field) && field !== 'name' && isOther(field, config[field], archived[field]));
  // A server takes one or the other, by its version.
  if (differ.length > 0) problems.push(`its backup.json and its archive differ in ${someOf(differ)}`);
  return problems;
}

/** A server leaves out what it does not do; an old client leaves out what it does not know. */
function isOther(field: string, described: unknown, archived: unknown): boolean {
  if (!FIELDS.has(field) || (isNothing(described) && isNothing(archived))) return false;
  if (archived === undefined) return !isNothing(field === 'metadata' ? withoutServerNotes(described) : described);
  if (described === undefined) return ESSENTIAL.has(field) && !isNothing(archived);
  return canonicalJson(withoutServerNotes(described)) !== canonicalJson(withoutServerNotes(archived));
}

/** A server notes its own version in the metadata that it answers with, and not in those that it stores (`_nats.ver`, `_nats.level`). */
function withoutServerNotes(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as Json;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('_nats.'))) as Json;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === 0 || value === -1 || value === '' || value === 'none' || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

function ofState(state: WireState | undefined, seen: StreamArchive, inMemory: number): readonly string[] {
  if (state === undefined) return [];
  const problems: string[] = [];
  const { consumer_count: consumers, messages, bytes } = state;
  const differing = differingState(seen, state);
  if (differing.length > 0) problems.push(`its backup.json and its archive differ in ${someOf(differing)}`);
  if (seen.consumers.length > consumers || seen.consumers.length + inMemory < consumers) problems.push(`it holds ${seen.consumers.length} consumers, there were ${consumers}`);
  // A v1 archive may hold more: what was deleted is cleaned up later.
  if (seen.messages < messages) problems.push(`it holds ${seen.messages} messages, there were ${messages}`);
  if (seen.messages === messages && bytes > 0 && seen.recordBytes !== undefined && seen.recordBytes !== bytes) problems.push(`its messages take up ${seen.recordBytes} bytes, there were ${bytes}`);
  if (messages > 0 && state.num_deleted > state.last_seq - state.first_seq + 1 - messages) problems.push(`${state.num_deleted} messages were deleted between ${state.first_seq} and ${state.last_seq}, of which ${messages} are left`);
  const last = Date.parse(String(state['last_ts']));
  if (seen.messages === messages && messages > 0 && seen.lastSeq === state.last_seq && Math.abs(last - seen.newestMs) > CLOCKS_APART_MS) problems.push(`its last message is of another time than its backup.json says`);
  if (Number(state['num_subjects'] ?? 0) > messages) problems.push('it says that it has more subjects than messages');
  return problems;
}

function ofManifest({ noted, state }: Looked, seen: StreamArchive): readonly string[] {
  if (noted === undefined) return [];
  const problems: string[] = [];
  if (seen.format !== noted.format) problems.push(`it is a ${seen.format} archive, by the manifest ${noted.format}`);
  if (seen.contentSha256 !== undefined && noted.contentSha256 !== null && noted.contentSha256 !== seen.contentSha256) problems.push('its messages are not those that were backed up');
  if ((noted.newestMessageAt === null ? 0 : Date.parse(noted.newestMessageAt)) !== seen.newestMs) problems.push('its newest message is of another time than the manifest says');
  const lost = noted.consumers.filter(({ name, memory }) => memory !== true && !seen.consumers.some((one) => one.name === name));
  const more = seen.consumers.filter(({ name }) => !noted.consumers.some((one) => one.name === name));
  if (lost.length > 0) problems.push(`the manifest names consumers that it does not hold: ${someOf(lost.map(({ name }) => name))}`);
  if (more.length > 0) problems.push(`it holds consumers that the manifest does not name: ${someOf(more.map(({ name }) => name))}`);
  if (state !== undefined && (state.bytes !== noted.state.bytes || state.num_deleted !== noted.state.deleted || state.consumer_count !== noted.state.consumers)) problems.push('its backup.json and the manifest differ in what it held');
  return problems;
}
