/** What stands on the command line of `drill run`, read and checked: a drill to do, or one sentence about what is wrong with it. */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import type { Store } from '#backups/names.ts';
import { STORES, timeOfStamp } from '#backups/names.ts';
import type { Choice } from '#drills/choose.ts';
import type { Canary } from '#drills/redis/facts.ts';
import { formatDuration, parseDuration } from '#kernel/duration.ts';
import type { Given } from './commands.ts';
import type { DrillToDo } from './drill-parts.ts';
import { Misuse, readServer } from './live-options.ts';
import type { LiveSystem } from './live-system.ts';

const HOUR_MS = 60 * 60_000;
/** The objectives of Cordum's own runbooks: backups every hour, none older than two. */
const DEFAULTS = { maxAgeMs: 2 * HOUR_MS, rpoMs: HOUR_MS, rtoMs: 15 * 60_000, windowMs: 7 * 24 * HOUR_MS, tolerance: 0.5 } as const;

export interface DrillCommand {
  readonly toDo: DrillToDo;
  /** Where evidence goes. */
  readonly out: string;
  /** Whether somebody said so: then a drill without evidence has failed. */
  readonly outWasGiven: boolean;
  readonly key: string;
}

export function readDrillCommand({ words, options, switches }: Given): DrillCommand {
  const store = STORES.find((one) => one === words['STORE']);
  if (store === undefined) throw new Misuse(`"${words['STORE'] ?? ''}" is no store: say redis, nats or config.`);
  if ((options['sandbox'] ?? 'local') !== 'local') throw new Misuse('--sandbox must be local: there is no other one yet.');
  const out = resolve(options['out'] ?? 'drill-evidence');
  const live = readLive(store, options);
  const canary = readCanary(store, options);
  return {
    toDo: {
      store,
      directory: resolve(options['backups'] ?? ''),
      choice: readChoice(options, switches),
      limits: {
        maxAgeMs: duration(options, 'max-age', DEFAULTS.maxAgeMs),
        rpoMs: duration(options, 'rpo', DEFAULTS.rpoMs),
        rtoMs: duration(options, 'rto', DEFAULTS.rtoMs),
        tolerance: readTolerance(options['tolerance']),
      },
      temp: resolve(options['temp'] ?? tmpdir()),
      ...(live === undefined ? {} : { live }),
      ...(canary === undefined ? {} : { canary }),
    },
    out,
    outWasGiven: options['out'] !== undefined,
    key: resolve(options['key'] ?? join(out, 'signing-key.pem')),
  };
}

type Options = Given['options'];

function duration(options: Options, name: string, otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new Misuse(`--${name} must be a duration, such as ${formatDuration(otherwise)}.`);
  return ms;
}

function readTolerance(text: string | undefined): number {
  if (text === undefined) return DEFAULTS.tolerance;
  const share = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(share >= 0 && share <= 1)) throw new Misuse('--tolerance must be a share, from 0 to 1, such as 0.5.');
  return share;
}

function readChoice(options: Options, switches: ReadonlySet<string>): Choice {
  const { set, seed } = options;
  const random = switches.has('random');
  if (!random && (options['window'] !== undefined || seed !== undefined)) throw new Misuse('--window and --seed go with --random.');
  if (set !== undefined && random) throw new Misuse('--set names a backup and --random draws one: say one of them.');
  if (set !== undefined) {
    const stamp = set.replace(/^(?:redis|nats|config)-/, '');
    if (timeOfStamp(stamp) === undefined) throw new Misuse('--set must be the time in the name of a backup, such as 20261121T060000Z.');
    return { kind: 'named', stamp };
  }
  if (!random) return { kind: 'latest' };
  return { kind: 'random', windowMs: duration(options, 'window', DEFAULTS.windowMs), seed: seed ?? randomBytes(8).toString('hex') };
}

function readLive(store: Store, options: Options): LiveSystem | undefined {
  const { live } = options;
  if (live !== undefined) return readServer(store, { flag: 'live', url: live }, options);
  const needless = ['username', 'password-file', 'ca', 'cert', 'cert-key'].find((name) => options[name] !== undefined);
  if (needless !== undefined) throw new Misuse(`--${needless} is about the live system: say which with --live.`);
  return undefined;
}

function readCanary(store: Store, options: Options): Canary | undefined {
  const { canary, 'canary-later': later } = options;
  if (canary === undefined && later === undefined) return undefined;
  if (store !== 'redis') throw new Misuse('--canary and --canary-later are for redis.');
  const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(canary ?? '') ?? [];
  if (key === undefined) throw new Misuse('--canary must be KEY=VALUE; --canary-later goes with it.');
  return { before: { key, value }, ...(later === undefined ? {} : { after: { key: later } }) };
}
