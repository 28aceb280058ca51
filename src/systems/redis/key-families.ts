/**
 * Cordum's own keys in Redis: the allow-list of what may be looked at, what its value may show, and what may be deleted.
 * Names, types and times to live are those of the reference on Cordum v0.9.x, section 6, and of the recording
 * `redis_keys.json`, where they differ from the scaling guide (the guide says 30 s for a job's lock; it is 60 s).
 */

/** What of a value may be shown. `nothing`: its size only; data of jobs, policies and people stays where it is. */
export type Shown = 'nothing' | 'holder' | 'counter' | 'state' | 'snapshot' | 'document' | 'instance';

export interface Family {
  /** As runbooks name it; `*` stands for an id. */
  readonly name: string;
  readonly kind: 'lock' | 'breaker' | 'rateLimit' | 'cache' | 'index' | 'presence' | 'snapshot' | 'config' | 'job' | 'workflow' | 'dlq';
  readonly type: 'string' | 'list' | 'set' | 'zset' | 'hash';
  /** Seconds; 0: it is meant to live without end, or as long as its data. */
  readonly expectedTtlSeconds: number;
  /** Twice an interval that can be configured; the expected value is that of the default. */
  readonly ttlConfigurable?: boolean;
  readonly shown: Shown;
  readonly deletable: boolean;
  /** Who holds a lock or writes the key. */
  readonly by: string;
}

const family = (name: string, kind: Family['kind'], type: Family['type'], expectedTtlSeconds: number, shown: Shown, by: string): Family => ({
  name,
  kind,
  type,
  expectedTtlSeconds,
  shown,
  by,
  deletable: kind === 'lock' || kind === 'breaker' || kind === 'rateLimit' || kind === 'cache',
});
const lock = (name: string, ttl: number, by: string, ttlConfigurable = false): Family => ({ ...family(name, 'lock', 'string', ttl, 'holder', by), ttlConfigurable });

const HOUR = 3_600;
const DAY = 86_400;

/** More exact names stand before those with a star that would match them too. */
export const FAMILIES: readonly Family[] = [
  lock('cordum:scheduler:job:*', 60, 'scheduler, or the gateway for 10 s'),
  lock('cordum:reconciler:default', 60, 'scheduler', true),
  lock('cordum:replayer:pending', 60, 'scheduler', true),
  lock('cordum:scheduler:snapshot:writer', 30, 'scheduler'),
  lock('cordum:wf:run:lock:*', 30, 'workflow-engine or gateway'),
  lock('cordum:wf:run:admission:*', 10, 'gateway'),
  lock('cordum:workflow-engine:reconciler:default', 60, 'workflow-engine', true),
  lock('cordum:wf:delay:poller', 10, 'workflow-engine'),
  lock('cordum:dlq:cleanup', HOUR, 'gateway', true),
  family('cordum:cb:safety:failures', 'breaker', 'string', 30, 'counter', 'scheduler'),
  family('cordum:cb:safety:output:failures', 'breaker', 'string', 30, 'counter', 'scheduler'),
  family('cordum:rl:*', 'rateLimit', 'string', 2, 'counter', 'gateway'),
  family('cordum:cache:marketplace', 'cache', 'string', HOUR / 2, 'nothing', 'gateway'),
  family('cordum:auth:jwks:*', 'cache', 'string', HOUR, 'nothing', 'gateway'),
  { ...family('cordum:scheduler:input_fail_open_total', 'breaker', 'string', 0, 'counter', 'scheduler'), deletable: false },
  family('cordum:safety:snapshots', 'index', 'list', 0, 'nothing', 'safety-kernel'),
  family('cordum:workers:count', 'presence', 'set', 120, 'nothing', 'scheduler'),
  family('cordum:instance:*', 'presence', 'string', 15, 'instance', 'each service'),
  family('cordum:wf:delay:timers', 'index', 'zset', 0, 'nothing', 'workflow-engine'),
  family('sys:workers:snapshot', 'snapshot', 'string', DAY, 'snapshot', 'scheduler'),
  // Hashes of credentials stand in it: not even its document is opened.
  family('cfg:system:workers', 'config', 'string', 0, 'nothing', 'gateway'),
  family('cfg:system:*', 'config', 'string', 0, 'document', 'gateway and scheduler'),
  family('dlq:index', 'dlq', 'zset', 0, 'nothing', 'scheduler'),
  family('dlq:entry:*', 'dlq', 'string', 30 * DAY, 'nothing', 'scheduler'),
  family('job:recent', 'index', 'zset', 0, 'nothing', 'scheduler'),
  family('job:deadline', 'index', 'zset', 0, 'nothing', 'scheduler'),
  family('job:index:*', 'index', 'zset', 0, 'nothing', 'scheduler'),
  family('job:tenant:active:*', 'index', 'set', 0, 'nothing', 'scheduler'),
  family('job:state:*', 'job', 'string', 7 * DAY, 'state', 'scheduler'),
  family('job:meta:*', 'job', 'hash', 7 * DAY, 'nothing', 'scheduler'),
  family('job:events:*', 'job', 'list', 0, 'nothing', 'scheduler'),
  family('worker:jobs:*', 'index', 'zset', 7 * DAY, 'nothing', 'scheduler'),
  family('wf:index:all', 'workflow', 'zset', 0, 'nothing', 'gateway'),
  family('wf:index:org:*', 'workflow', 'zset', 0, 'nothing', 'gateway'),
  family('wf:runs:status:*', 'workflow', 'zset', 0, 'nothing', 'workflow-engine'),
  family('wf:runs:active:*', 'workflow', 'set', 0, 'nothing', 'workflow-engine'),
  family('wf:runs:*', 'workflow', 'zset', 0, 'nothing', 'workflow-engine'),
  family('wf:run:timeline:*', 'workflow', 'list', 0, 'nothing', 'workflow-engine'),
  // `saga:<workflow>:stack`, what would take its steps back, and for two minutes `…:lock` (Cordum's source, scheduler/saga.go at V0.9.9.1).
  family('saga:*', 'workflow', 'list', 0, 'nothing', 'scheduler'),
];

export const LONGEST_KEY = 300;
/** What ids consist of: UUIDs with `@`, `:` and a suffix, names, addresses. No blank, no control, no glob. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,250}$/;

/** The family of a key; undefined: none of those that may be looked at. */
export function familyOf(key: string): Family | undefined {
  if (key.length > LONGEST_KEY) return undefined;
  return FAMILIES.find(({ name }) => (name.endsWith('*') ? key.startsWith(name.slice(0, -1)) && ID.test(key.slice(name.length - 1)) : key === name));
}

/**
 * What a pattern `prefix*` asks for: the families that it can hold. Their keys alone are shown; others that begin alike
 * (`wf:run:<id>`, `job:req:<id>`) stay hidden. Undefined: it is no such pattern, or holds none.
 */
export function prefixOf(pattern: string): string | undefined {
  const prefix = /^([a-z][A-Za-z0-9._:@/+=-]{2,250})\*$/.exec(pattern)?.[1];
  if (prefix === undefined || !prefix.includes(':')) return undefined;
  return FAMILIES.some(({ name }) => fits(name, prefix)) ? prefix : undefined;
}

function fits(name: string, prefix: string): boolean {
  const literal = name.replace(/\*$/, '');
  return literal.startsWith(prefix) || (name.endsWith('*') && prefix.startsWith(literal));
}
