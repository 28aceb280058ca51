/** Tells the demo's story line by line, from the same operations that every surface uses. */
import type { Operations } from '#operations/operations.ts';
import type { ApprovalView, TimelineEntry } from '#engine/model/views.ts';

/** These come once an item, hundreds of times; the wave checks sum them up. */
const QUIET: ReadonlySet<string> = new Set(['EffectIntended', 'EffectSucceeded', 'StepStarted', 'ApprovalApproved']);

export interface Narrator {
  /** Resolves when the incident has closed and its run has ended: an apply that has begun finishes, alert or not. */
  readonly closed: Promise<void>;
  stop(): void;
}

export interface NarratorOptions {
  readonly operations: Operations;
  readonly url: string;
  readonly apiKey: string;
  depth(): number;
  /** Plays the human: approves the retry through the API. */
  readonly approve: boolean;
  say(line: string): void;
}

export function createNarrator(options: NarratorOptions): Narrator {
  const { operations, say } = options;
  const told = new Map<string, number>();
  let queue = Promise.resolve();
  let done = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    done = resolve;
  });

  const tellRun = async (id: string): Promise<void> => {
    const after = told.get(id) ?? 0;
    for (const entry of (await operations.runEvents(id, after)) ?? []) {
      told.set(id, entry.version);
      if (entry.type === 'Diagnosed') await tellFindings(id);
      else if (!QUIET.has(entry.type)) say(`${stageOf(entry)} ${entry.say}`);
      if (entry.type === 'WaveChecked') say(`        The DLQ now holds ${options.depth()} entries.`);
      if (entry.type === 'ApprovalRequested') await onApproval(options, String(entry.data['approval'] ?? ''), id);
    }
  };

  const tellFindings = async (id: string): Promise<void> => {
    const run = await operations.run(id);
    for (const finding of run?.findings ?? []) say(`FOUND   ${finding.severity}: ${finding.say}`);
    for (const unknown of run?.unknowns ?? []) say(`FOUND   ${unknown}`);
  };

  const allEnded = async (runIds: readonly string[]): Promise<boolean> => {
    const runs = await Promise.all(runIds.map((id) => operations.run(id)));
    return runs.every((run) => run === undefined || run.endedAt !== null);
  };

  const stop = operations.onChange((change) => {
    queue = queue
      .then(async () => {
        if (change.kind === 'run') await tellRun(change.id);
        if (change.incidentId === null) return;
        const incident = await operations.incident(change.incidentId);
        if (incident === undefined) return;
        if (change.types.includes('IncidentOpened')) say(`INCIDENT ${incident.title} (${incident.id})`);
        if (change.types.includes('IncidentClosed')) say(`INCIDENT closed: ${incident.closedBecause ?? ''}`);
        if (incident.status === 'closed' && (await allEnded(incident.runs))) done();
      })
      .catch((error: unknown) => say(`(the narrator stumbled: ${error instanceof Error ? error.message : String(error)})`));
  });
  return { closed, stop };
}

function stageOf(entry: TimelineEntry): string {
  if (entry.type.startsWith('Step')) return 'LOOK   ';
  if (entry.type.startsWith('Offer') || entry.type.startsWith('Plan') || entry.type === 'NothingToDo') return 'OFFER  ';
  if (entry.type.startsWith('Approval') || entry.type === 'DecisionRecorded') return 'DECIDE ';
  if (entry.type.startsWith('Effect') || entry.type.startsWith('Wave') || entry.type === 'ApplyHalted') return 'APPLY  ';
  if (entry.type === 'Verified') return 'VERIFY ';
  return 'RUN    ';
}

async function onApproval(options: NarratorOptions, approvalId: string, runId: string): Promise<void> {
  const { operations, say, url, apiKey } = options;
  // The plan of the event may be cut in the timeline; the approval has all of it, and its id.
  const approval = (await operations.approvals({ status: 'pending' })).items.find((candidate) => candidate.id === approvalId || candidate.runId === runId);
  if (approval === undefined) return;
  if (options.approve) return approve(options, approval);
  say('');
  say('  Press Approve in the console, or approve on the command line:');
  say(`    RUNBOOK_BOT_URL=${url} RUNBOOK_BOT_API_KEY=${apiKey} \\`);
  say(`      npm run bot -- approve ${approval.id} --digest ${approval.plan.digest}`);
  say('');
}

async function approve({ say, url, apiKey }: NarratorOptions, approval: ApprovalView): Promise<void> {
  say(`HUMAN   reads ${approval.plan.changes.length} changes, digest ${approval.plan.digest.slice(0, 8)}, and approves.`);
  const answer = await fetch(`${url}/api/v1/approvals/${approval.id}/decisions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ decision: 'approve', digest: approval.plan.digest, reason: 'the pool is back' }),
  });
  if (!answer.ok) throw new Error(`the approval was answered ${answer.status}: ${await answer.text()}`);
}
