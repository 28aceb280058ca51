/** An engine on a journal that forgets, in virtual time, with steps and a runbook made for the test. */
import type { Ids } from '#kernel/ids.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import { sha256 } from '#kernel/digest.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import type { OfferRule, Runbook, StepNode, Waves } from '#language/runbook.ts';
import type { Evaluated, Scope, Template } from '#language/template.ts';
import { DEFAULT_LIMITS } from '#policy/defaults.ts';
import type { Policy } from '#policy/model.ts';
import { defineRead, defineWrite, succeed, z, type AnyStep, type Item, type ItemEnd, type ProbeAnswer, type ReadStep, type Result, type Tier, type UndoStep, type WriteStep } from '#step-kit/index.ts';
import type { AlertFacts, RunTrigger } from '#engine/model/events.ts';
import type { RunState } from '#engine/model/state.ts';
import type { AheadDesk, Artifacts, Journal, Runbooks, Systems } from '#engine/ports.ts';
import { createClaims } from '#engine/runtime/claims.ts';
import { createEngine, type Engine } from '#engine/runtime/engine.ts';
import { createKillSwitch, type KillSwitch } from '#engine/runtime/kill-switch.ts';
import { createLedger } from '#engine/runtime/ledger.ts';
import { createRevisions } from '#engine/runtime/revisions.ts';
import { createMemoryArtifacts } from './artifacts.ts';
import { createVirtualClock, type VirtualClock } from './clock.ts';
import { createTestIds } from './ids.ts';

export const FIRING: AlertFacts = { firing: true, resolved: false, labels: { alertname: 'Test' }, annotations: {}, startsAt: '2026-01-01T00:00:00.000Z' };
export const RESOLVED: AlertFacts = { ...FIRING, firing: false, resolved: true };
export const BY_ALERT: RunTrigger = { kind: 'alert', requester: 'alertmanager' };

export const testPolicy: Policy = {
  roles: {
    oncall: { principals: ['alice', 'bob', 'carol'], slackUsers: [], slackGroups: [], emails: [], oidcGroups: [] },
    lead: { principals: ['dora', 'erin'], slackUsers: [], slackGroups: [], emails: [], oidcGroups: [] },
  },
  tiers: {
    R1: { approvers: 1, roles: ['oncall'], excludeRequester: false, validForMs: 900_000 },
    R2: { approvers: 1, roles: ['oncall'], excludeRequester: true, validForMs: 900_000 },
    R3: { approvers: 2, roles: ['lead'], excludeRequester: true, validForMs: 900_000 },
  },
  limits: DEFAULT_LIMITS,
  freeze: [],
};

/** A template that a test writes as a function; what it throws is why there is no value. */
export function template(text: string, value: (scope: Scope) => Json, steps: readonly string[] = []): Template {
  return {
    text,
    steps,
    evaluate(scope): Evaluated {
      try {
        return { ok: true, value: value(scope) };
      } catch (error) {
        return { ok: false, because: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

export const always = template('true', () => true);

/** What a step answered, for templates of tests; throws why there is none. */
export function output(scope: Scope, id: string): JsonObject {
  const step = (scope['steps'] as Record<string, { output?: JsonObject; failed?: string; skipped?: string }>)[id];
  if (step?.output !== undefined) return step.output;
  throw new Error(`cannot tell: step ${id} ${step?.failed === undefined ? 'was skipped' : `failed (${step.failed})`}`);
}

export function readStep(name: string, run: ReadStep['run']): ReadStep {
  return defineRead({ name, summary: 'a step of a test', input: z.looseObject({}), output: z.looseObject({}), examples: [], run: run as never });
}

/** The outside world of the write step `test.lamp.light`: lamps that are lit one by one. */
export interface Lamps {
  /** Every lamp by its key. `end` is how it ends once it is lit. */
  readonly all: Map<string, { lit: number; end: ItemEnd; current: string }>;
  /** Called instead of lighting: to lose answers, to refuse, to crash. */
  onApply?: (item: Item, light: () => void) => Promise<Result<JsonObject>>;
  onPlan?: (only: string | undefined) => Promise<void>;
  onProbe?: (item: Item) => Promise<ProbeAnswer>;
  applied: string[];
}

export function createLamps(keys: readonly string[]): Lamps {
  return { all: new Map(keys.map((key) => [key, { lit: 0, end: 'done' as ItemEnd, current: 'dark' }])), applied: [] };
}

export function lampStep(lamps: Lamps, options: { tier?: Tier; landsWithinMs?: number; undo?: UndoStep; rate?: { perSecond: number; perHour: number }; capacity?: { total: number; floor: number } } = {}): WriteStep {
  return defineWrite({
    name: 'test.lamp.light',
    summary: 'lights lamps',
    tier: options.tier ?? 'R2',
    input: z.looseObject({}),
    output: z.looseObject({}),
    examples: [],
    landsWithinMs: options.landsWithinMs ?? 10_000,
    ...(options.rate === undefined ? {} : { rate: options.rate }),
    async plan(input, ctx) {
      await lamps.onPlan?.(ctx.only);
      const prefix = typeof input['prefix'] === 'string' ? input['prefix'] : '';
      const items = [...lamps.all].filter(([key, lamp]) => lamp.lit === 0 && key.startsWith(prefix) && (ctx.only === undefined || ctx.only === key)).map(([key, lamp]) => ({ key, title: `lamp ${key}`, current: lamp.current, next: 'lit' }));
      return succeed({ summary: `lights ${items.length} lamps`, items, ...(options.capacity === undefined ? {} : { capacity: options.capacity }) });
    },
    async apply(item) {
      const light = (): void => {
        const lamp = lamps.all.get(item.key);
        if (lamp !== undefined) lamp.lit += 1;
        lamps.applied.push(item.key);
      };
      if (lamps.onApply !== undefined) return lamps.onApply(item, light);
      light();
      return succeed({ lamp: item.key });
    },
    async probe(item) {
      if (lamps.onProbe !== undefined) return lamps.onProbe(item);
      return (lamps.all.get(item.key)?.lit ?? 0) > 0 ? { landed: 'applied', result: { lamp: item.key }, evidence: 'it is lit' } : { landed: 'notApplied', evidence: 'it is dark' };
    },
    async verify(applied) {
      return succeed({ ends: Object.fromEntries(applied.map(({ item }) => [item.key, lamps.all.get(item.key)?.end ?? 'unknown'])), say: 'looked at the lamps' });
    },
    ...(options.undo === undefined ? {} : { undo: () => options.undo }),
  });
}

export function node(id: string, uses: ReadStep, more: Partial<StepNode> = {}): StepNode {
  return { id, uses, with: template('{}', () => ({})), retry: { attempts: 1, delayMs: 1_000 }, timeoutMs: 30_000, onFailure: 'continue', after: [], ...more };
}

export const WAVES: Waves = { sizes: [1, 5, 25, { percent: 100 }], pauseMs: 30_000, deadlineMs: 300_000 };

export function offer(uses: WriteStep, more: Partial<OfferRule> = {}): OfferRule {
  return { id: 'light', title: template('Light them', () => 'Light them'), if: always, uses, with: template('{}', () => ({})), tier: uses.tier, inputs: [], waves: WAVES, ...more };
}

export function runbook(more: Partial<Runbook> = {}): Runbook {
  const name = more.name ?? 'lamps';
  return {
    name,
    title: 'Lamps',
    owner: 'test',
    description: '',
    revision: sha256(name),
    source: name,
    file: `${name}.yaml`,
    triggers: [],
    inputs: [],
    steps: [],
    findings: [],
    offers: [],
    done: { when: template('alert.resolved', (scope) => (scope['alert'] as { resolved: boolean }).resolved), withinMs: 3_600_000 },
    ...more,
  };
}

export interface Rig {
  readonly engine: Engine;
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly artifacts: Artifacts;
  readonly killSwitch: KillSwitch;
  readonly runbooks: Runbooks;
  readonly steps: ReadonlyMap<string, AnyStep>;
  readonly ids: Ids;
  policy: Policy;
  /** What answers for approvals given ahead; without one nobody has given any. */
  aheadDesk?: AheadDesk;
  start(book: Runbook, more?: { trigger?: RunTrigger; alert?: AlertFacts; dryRun?: boolean }): Promise<string>;
  state(runId: string): Promise<RunState>;
  /** Approves the newest pending approval of an offer, as an approver would through the operations. */
  approve(runId: string, offer?: string, by?: string): Promise<void>;
  /** Another engine on the same journal: what a restart of the process comes to. */
  restart(): Promise<Rig>;
}

export interface RigGiven {
  readonly clock?: VirtualClock;
  readonly journal?: Journal;
  readonly artifacts?: Artifacts;
  /** Default: everything is let through. */
  readonly redact?: (value: Json) => Json;
  /** Texts that no longer compile, as after an upgrade. */
  readonly unreadable?: ReadonlySet<string>;
  readonly systems?: Systems;
  readonly log?: Log;
  /** A process after a restart must not make the ids of the one before it. */
  readonly ids?: Ids;
  /** The engine is made, and not yet started. */
  readonly idle?: boolean;
}

export async function createRig(books: readonly Runbook[], steps: readonly AnyStep[], given: RigGiven = {}): Promise<Rig> {
  const clock = given.clock ?? createVirtualClock();
  const journal = given.journal ?? createMemoryJournal({ clock });
  const artifacts = given.artifacts ?? createMemoryArtifacts();
  const runbooks: Runbooks = {
    list: () => books,
    get: (name) => books.find((book) => book.name === name),
    compile: (source) => (given.unreadable?.has(source) === true ? undefined : books.find((book) => book.source === source)),
  };
  const ids = given.ids ?? createTestIds(clock);
  const killSwitch = createKillSwitch({ journal, clock });
  let policy = testPolicy;
  const catalogue = new Map(steps.map((step) => [step.name, step]));
  const engine = createEngine({
    journal,
    artifacts,
    clock,
    ids,
    log: given.log ?? silentLog,
    runbooks,
    steps: catalogue,
    systems: given.systems ?? { client: () => undefined },
    policy: () => policy,
    credentialRoles: new Set(),
    redact: given.redact ?? ((value) => value),
    killSwitch,
    claims: createClaims(),
    ledger: createLedger({ journal, clock }),
    revisions: createRevisions({ journal, runbooks }),
    ahead: { take: async (ask) => rig.aheadDesk?.take(ask) ?? { because: null } },
  });
  if (given.idle !== true) await engine.start();
  const rig: Rig = {
    engine,
    clock,
    journal,
    artifacts,
    killSwitch,
    runbooks,
    steps: catalogue,
    ids,
    get policy() {
      return policy;
    },
    set policy(next) {
      policy = next;
    },
    async start(book, more = {}) {
      const started = await engine.startRun({ runbook: book, target: 'prod', trigger: more.trigger ?? BY_ALERT, incidentId: null, inputs: {}, dryRun: more.dryRun ?? false, alert: more.alert ?? FIRING });
      if (!started.ok) throw new Error(started.conflict);
      await clock.advance(0);
      return started.runId;
    },
    async state(runId) {
      const read = await engine.read(runId);
      if (read === undefined) throw new Error(`no run ${runId}`);
      return read.run;
    },
    async approve(runId, offerId = 'light', by = 'alice') {
      await engine.change(runId, by, (run) => {
        const approval = run.approvals.get(run.offers.get(offerId)?.approvalId ?? '');
        if (approval?.status !== 'pending') return { refused: 'nothing is pending' };
        return {
          events: [
            { type: 'DecisionRecorded', data: { approval: approval.id, principal: by, decision: 'approve', digest: approval.plan.digest, reason: null, via: 'api' } },
            { type: 'ApprovalApproved', data: { approval: approval.id } },
          ],
        };
      });
      await clock.advance(0);
    },
    restart: async () => {
      const again = await createRig(books, steps, { ...given, clock, journal, artifacts, ids });
      again.policy = policy;
      return again;
    },
  };
  return rig;
}
