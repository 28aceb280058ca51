/** A drill of the configuration as something to do: for the bot, and for `drill run NAME`. */
import type { DrillConfig, TargetConfig } from '#config/config.ts';
import type { DrillScope } from '#drills/scope.ts';
import type { DrillToDo, Lives } from './drill-parts.ts';
import type { LiveSystem } from './live-system.ts';

/** `seed`: draws the backup where the drill wants one by chance. `target`: undefined where the drill compares with nothing live. */
export function configuredDrill(drill: DrillConfig, { store, seed, target }: { readonly store: DrillScope; readonly seed: string; readonly target: TargetConfig | undefined }): DrillToDo {
  return {
    store,
    directory: drill.backups,
    choice: drill.choice.kind === 'latest' ? drill.choice : { ...drill.choice, seed },
    limits: drill.limits,
    temp: drill.temp,
    live: target === undefined || drill.target === null ? {} : livesOf(target, store),
  };
}

/** As the configuration of the target has it; it was checked that drills can read it. */
function livesOf(target: TargetConfig, store: DrillScope): Lives {
  const redis = store === 'nats' ? undefined : redisOf(target);
  const nats = store === 'nats' || store === 'all' ? natsOf(target) : undefined;
  return { ...(redis === undefined ? {} : { redis }), ...(nats === undefined ? {} : { nats }) };
}

function natsOf({ nats }: TargetConfig): LiveSystem | undefined {
  if (nats === undefined) return undefined;
  const password = nats.password ?? nats.token;
  return { url: nats.url, ...(nats.username === undefined ? {} : { username: nats.username }), ...(password === undefined ? {} : { password }), ...(nats.tls === undefined ? {} : { tls: nats.tls }) };
}

function redisOf({ redis }: TargetConfig): LiveSystem | undefined {
  if (redis?.url === undefined) return undefined;
  const tls = redis.tls ?? (redis.url.reveal().startsWith('rediss:') ? {} : undefined);
  return { url: redis.url, ...(redis.username === undefined ? {} : { username: redis.username }), ...(redis.password === undefined ? {} : { password: redis.password }), ...(tls === undefined ? {} : { tls }) };
}
