/** A drill of the configuration as something to do: for the bot, and for `drill run NAME`. */
import type { DrillConfig, TargetConfig } from '#config/config.ts';
import type { DrillScope } from '#drills/scope.ts';
import type { DrillToDo, Lives } from './drill-parts.ts';
import { natsOfTarget, redisByUrl } from './target-backups.ts';

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
  const redis = store === 'nats' || target.redis === undefined ? undefined : redisByUrl(target.redis);
  const nats = store === 'nats' || store === 'all' ? natsOfTarget(target) : undefined;
  return { ...(redis === undefined ? {} : { redis }), ...(nats?.ok === true ? { nats: nats.value } : {}) };
}
