/** What stands on the command line of `drill run`, read and checked: a drill to do, or one sentence about what is wrong with it. */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { timeOfStamp } from '#backups/names.ts';
import type { Config } from '#config/config.ts';
import type { Choice } from '#drills/choose.ts';
import type { Canary } from '#drills/redis/facts.ts';
import { DRILL_SCOPES, type DrillScope } from '#drills/scope.ts';
import { formatDuration, parseDuration } from '#kernel/duration.ts';
import type { Given } from './commands.ts';
import { configuredDrill } from './configured-drill.ts';
import type { DrillToDo, Lives } from './drill-parts.ts';
import { Misuse, readServer } from './live-options.ts';

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

/** `--backups` says that the drill is told here, and not in the configuration. */
export function isToldHere({ options }: Given): boolean {
  return options['backups'] !== undefined;
}

export function readDrillCommand({ words, options, switches }: Given): DrillCommand {
  const store = DRILL_SCOPES.find((one) => one === words['DRILL']);
  if (store === undefined) throw new Misuse(`"${words['DRILL'] ?? ''}" is no store: with --backups, say ${DRILL_SCOPES.join(', ')}. Without it, say the name of a configured drill.`);
  if ((options['sandbox'] ?? 'local') !== 'local') throw new Misuse('--sandbox must be local: there is no other one yet.');
  const out = resolve(options['out'] ?? 'drill-evidence');
  const live = readLives(store, options);
  const canary = readCanary(store, options);
  return {
    toDo: {
      store,
      directory: resolve(options['backups'] ?? ''),
      choice: readChoice(options, switches),
      limits: {
        maxAgeMs: duration(options, 'max-age', DEFAULTS.maxAgeMs),
        rpoMs: duration(options, 'rpo', DEFAULTS.rpoMs),
        rpoSet: options['rpo'] !== undefined,
        rtoMs: duration(options, 'rto', DEFAULTS.rtoMs),
        tolerance: readTolerance(options['tolerance']),
      },
      temp: resolve(options['temp'] ?? tmpdir()),
      live,
      ...(canary === undefined ? {} : { canary }),
    },
    out,
    outWasGiven: options['out'] !== undefined,
    key: resolve(options['key'] ?? join(out, 'signing-key.pem')),
  };
}

/** A drill that the configuration names, as it stands there. */
export function readNamedDrill({ words, options, switches }: Given, { drills, targets }: Config): DrillCommand {
  const name = words['DRILL'] ?? '';
  const drill = drills.find((one) => one.name === name);
  const [store] = drill?.stores ?? [];
  if (drill === undefined || store === undefined) {
    if (DRILL_SCOPES.some((one) => one === name)) throw new Misuse('--backups is missing.');
    throw new Misuse(`No drill "${name}" is configured; there are: ${drills.map((one) => one.name).join(', ') || 'none'}. To drill a store without a configuration, say it with --backups.`);
  }
  const needless = [...Object.keys(options), ...switches].find((option) => !['config', 'json'].includes(option));
  if (needless !== undefined) throw new Misuse(`--${needless} goes with --backups: all that the drill "${name}" does stands in the configuration.`);
  const target = targets.find((one) => one.name === drill.target);
  return { toDo: configuredDrill(drill, { store, seed: newSeed(), target }), out: drill.bundles, outWasGiven: true, key: drill.key };
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
  return { kind: 'random', windowMs: duration(options, 'window', DEFAULTS.windowMs), seed: seed ?? newSeed() };
}

function newSeed(): string {
  return randomBytes(8).toString('hex');
}

const LOGIN = ['username', 'password-file', 'creds-file'] as const;
const TLS = ['ca', 'cert', 'cert-key'] as const;
/** Of a drill of all stores: two systems, each with its own login; certificates are those of both. */
const TWO = ['redis', 'nats'] as const;

function readLives(store: DrillScope, options: Options): Lives {
  const own = TWO.flatMap((one) => [`live-${one}`, ...LOGIN.map((name) => `${one}-${name}`)]);
  if (store === 'all') {
    refuse(options, ['live', ...LOGIN], 'is about one live system: a drill of all stores takes --live-redis and --live-nats, with --redis-password-file and the like.');
    if (TWO.every((one) => options[`live-${one}`] === undefined)) refuse(options, [...own, ...TLS], 'is about a live system: say which with --live-redis or --live-nats.');
    return Object.fromEntries(TWO.flatMap((one) => readLiveOf(one, options)));
  }
  refuse(options, own, 'goes with all stores: say --live, --username and --password-file.');
  const { live } = options;
  if (live === undefined) refuse(options, [...LOGIN, ...TLS], 'is about the live system: say which with --live.');
  else return { [store === 'nats' ? 'nats' : 'redis']: readServer(store, { flag: 'live', url: live }, options) };
  return {};
}

function readLiveOf(store: (typeof TWO)[number], options: Options): readonly (readonly [string, NonNullable<Lives['redis']>])[] {
  const flag = `live-${store}`;
  const url = options[flag];
  if (url === undefined) {
    refuse(options, LOGIN.map((name) => `${store}-${name}`), `is about a live system: say which with --${flag}.`);
    return [];
  }
  const speaksTls = /^(?:rediss|tls):/.test(url);
  const mine = [...LOGIN.map((name) => [name, options[`${store}-${name}`]]), ...TLS.map((name) => [name, speaksTls ? options[name] : undefined])] as const;
  return [[store, readServer(store, { flag, url }, Object.fromEntries(mine.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))))]];
}

function refuse(options: Options, names: readonly string[], because: string): void {
  const found = names.find((name) => options[name] !== undefined);
  if (found !== undefined) throw new Misuse(`--${found} ${because}`);
}

function readCanary(store: DrillScope, options: Options): Canary | undefined {
  const { canary, 'canary-later': later } = options;
  if (canary === undefined && later === undefined) return undefined;
  if (store !== 'redis' && store !== 'all') throw new Misuse('--canary and --canary-later are for redis.');
  const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(canary ?? '') ?? [];
  if (key === undefined) throw new Misuse('--canary must be KEY=VALUE; --canary-later goes with it.');
  return { before: { key, value }, ...(later === undefined ? {} : { after: { key: later } }) };
}
