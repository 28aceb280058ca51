/** The engine on a journal on disk, without the rest of the bot. Its steps are handed in, so that no target takes part. */
import { systemClock } from '#kernel/clock.ts';
import { createIds } from '#kernel/ids.ts';
import { silentLog } from '#kernel/log.ts';
import type { Journal } from '#engine/ports.ts';
import { createClaims } from '#engine/runtime/claims.ts';
import { createEngine, type Engine } from '#engine/runtime/engine.ts';
import { createKillSwitch } from '#engine/runtime/kill-switch.ts';
import { createLedger } from '#engine/runtime/ledger.ts';
import { createRevisions } from '#engine/runtime/revisions.ts';
import { loadRunbook } from '#language/load.ts';
import { DEFAULT_LIMITS } from '#policy/defaults.ts';
import type { Policy } from '#policy/model.ts';
import type { AnyStep } from '#step-kit/index.ts';

const TIER = { approvers: 1, roles: ['oncall'], excludeRequester: false, validForMs: 3_600_000 };
const POLICY: Policy = {
  roles: { oncall: { principals: ['ann', 'ben'], slackUsers: [], slackGroups: [], emails: [], oidcGroups: [] } },
  tiers: { R1: TIER, R2: TIER, R3: TIER },
  limits: DEFAULT_LIMITS,
  freeze: [],
};

export interface BenchEngine {
  readonly engine: Engine;
  /** Starts a run as the API would. */
  startRun(): Promise<void>;
}

/** `text` is the one runbook. Throws when it has a mistake. */
export function createBenchEngine(journal: Journal, text: string, steps: readonly AnyStep[]): BenchEngine {
  const catalogue = new Map(steps.map((step) => [step.name, step]));
  const compile = (source: string) => loadRunbook({ file: 'bench.yaml', text: source, steps: catalogue });
  const { runbook, diagnostics } = compile(text);
  if (runbook === undefined) throw new Error(JSON.stringify(diagnostics));
  const runbooks = { list: () => [runbook], get: () => runbook, compile: (source: string) => compile(source).runbook };
  const clock = systemClock;
  const engine = createEngine({
    journal,
    artifacts: { keep: async () => 'art_none', read: async () => undefined },
    clock,
    ids: createIds(clock),
    log: silentLog,
    runbooks,
    steps: catalogue,
    systems: { client: () => undefined },
    policy: () => POLICY,
    credentialRoles: new Set(),
    redact: (value) => value,
    killSwitch: createKillSwitch({ journal, clock }),
    claims: createClaims(),
    ledger: createLedger({ journal, clock }),
    revisions: createRevisions({ journal, runbooks }),
    ahead: { take: async () => ({ because: null }) },
  });
  return {
    engine,
    async startRun() {
      const started = await engine.startRun({
        runbook,
        target: 'bench',
        trigger: { kind: 'api', requester: 'ann' },
        incidentId: null,
        inputs: {},
        dryRun: false,
        alert: { firing: false, resolved: true, labels: {}, annotations: {}, startsAt: '' },
      });
      if (!started.ok) throw new Error(started.conflict);
    },
  };
}
