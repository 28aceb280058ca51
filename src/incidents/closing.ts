/** A person closes an incident, with a reason. */
import type { IncidentView } from '#engine/model/views.ts';
import type { Answer, Problem } from '#operations/operations.ts';
import { decideClose } from './decide.ts';
import type { Decision, Lanes } from './lanes.ts';
import type { Ledger } from './ledger.ts';
import type { RunLink } from './ports.ts';
import { factsOf, type IncidentState } from './state.ts';
import { viewOf } from './view.ts';

const REASON_MAX = 2_000;

export interface ClosingParts {
  readonly ledger: Ledger;
  readonly lanes: Lanes;
  readonly runs: RunLink;
}

export async function closeByPerson({ ledger, lanes, runs }: ClosingParts, principalId: string, incidentId: string, reason: string): Promise<Answer<IncidentView>> {
  const because = reason.trim();
  if (because === '' || because.length > REASON_MAX) return refusal({ code: 'invalid', message: `A reason of 1 to ${REASON_MAX} characters is needed.`, field: 'reason' });
  const found = (await ledger.incident(incidentId))?.state;
  if (found === undefined) return refusal({ code: 'not-found', message: `There is no incident ${incidentId}.` });
  const closed = await lanes.submit(found.family, {
    target: found.target,
    fingerprints: [...found.alerts.keys()],
    incident: incidentId,
    before: (open) => tellRuns(runs, open.find(({ id }) => id === incidentId)),
    decide: ({ named, now }): Decision<boolean> => {
      const open = named !== undefined && named.closed === null;
      const changes = open ? [{ incident: incidentId, events: [decideClose(named, principalId, because, now)] }] : [];
      return { actor: principalId, changes, remembered: [], value: open };
    },
  });
  const after = await ledger.incident(incidentId);
  return closed && after !== undefined ? { ok: true, value: viewOf(after.state) } : refusal({ code: 'not-open', message: `Incident ${incidentId} is closed.` });
}

/** Nothing is done for a closed incident any more, so what its runs still wait to hear is said first. */
async function tellRuns(runs: RunLink, state: IncidentState | undefined): Promise<void> {
  if (state === undefined || state.toTellSince === null) return;
  for (const run of state.runs) await runs.alertChanged(run, factsOf(state));
}

function refusal(problem: Problem): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem };
}
