/** The engine with all that it stands on, and the incidents that start its runs. */
import type { Clock } from '#kernel/clock.ts';
import type { Ids } from '#kernel/ids.ts';
import type { Log } from '#kernel/log.ts';
import { redactJson } from '#kernel/redact.ts';
import { credentialRoles, type Config } from '#config/config.ts';
import type { AheadDesk, Artifacts, Journal } from '#engine/ports.ts';
import { createClaims } from '#engine/runtime/claims.ts';
import { createEngine, type Engine } from '#engine/runtime/engine.ts';
import { createKillSwitch, type KillSwitch } from '#engine/runtime/kill-switch.ts';
import { createLedger } from '#engine/runtime/ledger.ts';
import { createRevisions } from '#engine/runtime/revisions.ts';
import type { RunLink } from '#incidents/ports.ts';
import { defaultInputs } from '#language/form.ts';
import { incidentRunKey } from '#operations/runs.ts';
import type { Policy } from '#policy/model.ts';
import type { AnyStep } from '#step-kit/index.ts';
import type { RunbookLibrary } from './runbook-library.ts';
import type { Targets } from './targets.ts';

export interface EngineParts {
  readonly config: Config;
  readonly journal: Journal;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly runbooks: RunbookLibrary;
  readonly steps: ReadonlyMap<string, AnyStep>;
  readonly targets: Targets;
  policy(): Policy;
  /** Known once the door is made. */
  ahead(): AheadDesk;
}

export function wireEngine(parts: EngineParts): { readonly engine: Engine; readonly killSwitch: KillSwitch } {
  const { config, journal, artifacts, clock, ids, log, runbooks, steps, targets } = parts;
  const killSwitch = createKillSwitch({ journal, clock });
  const engine = createEngine({
    journal,
    artifacts,
    clock,
    ids,
    log,
    runbooks,
    steps,
    systems: targets,
    policy: parts.policy,
    credentialRoles: credentialRoles(config.auth),
    redact: redactJson,
    killSwitch,
    claims: createClaims(),
    ledger: createLedger({ journal, clock }),
    revisions: createRevisions({ journal, runbooks }),
    ahead: { take: (ask) => parts.ahead().take(ask) },
  });
  return { engine, killSwitch };
}

/** How incidents start their run and tell it about its alert. */
export function linkRuns(engine: Engine, runbooks: RunbookLibrary): RunLink {
  return {
    async ensureRun(incident) {
      const runbook = runbooks.get(incident.runbook);
      if (runbook === undefined) return undefined;
      const started = await engine.startRun({
        runbook,
        target: incident.target,
        trigger: { kind: 'alert', requester: 'alertmanager' },
        incidentId: incident.id,
        inputs: defaultInputs(runbook.inputs),
        dryRun: false,
        alert: incident.alert,
        idempotencyKey: incidentRunKey(incident.id),
      });
      // The key is the incident's own: a run that was started before, perhaps with a runbook that has changed since, is its run.
      return started.runId;
    },
    async alertChanged(runId, alert) {
      await engine.change<never>(runId, 'alertmanager', (run) => {
        if (run.ended !== undefined || (run.alert.resolved === alert.resolved && run.alert.firing === alert.firing)) return { events: [] };
        return { events: [{ type: 'AlertChanged', data: { alert } }] };
      });
    },
  };
}
