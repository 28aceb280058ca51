/** What Cordum's reason codes mean (v0.9 scheduler and gateway; reference §2.2 and §2.6), and whether a retry can be safe. */

/** `safe` only means that it can be: the job, its trace and its age have their say as well. */
export type ReasonClass = 'safe' | 'unsafe' | 'unknown';

export interface ReasonMeaning {
  readonly class: ReasonClass;
  /** For the table of reasons. */
  readonly meaning: string;
  /** Why an entry with this code is not retried; for the safe ones, why it can be. */
  readonly why: string;
}

const policy = (meaning: string): ReasonMeaning => ({ class: 'unsafe', meaning, why: 'A retry would override a decision of policy or of a person.' });
const executed = (meaning: string): ReasonMeaning => ({ class: 'unsafe', meaning, why: 'The work was already executed; a retry would repeat its side effects.' });
const deterministic = (meaning: string): ReasonMeaning => ({ class: 'unsafe', meaning, why: 'It will fail again until the configuration changes.' });

const REASONS: ReadonlyMap<string, ReasonMeaning> = new Map([
  ['max_scheduling_retries', { class: 'safe', meaning: 'No worker took the job: none online, all busy, a tenant or licence limit, or no pool for the topic', why: 'It was never given to a worker' }],
  ['dispatch_failed', { class: 'safe', meaning: 'The job could not be handed to a worker', why: 'Handing it to a worker failed' }],
  ['schema_registry_unavailable', { class: 'safe', meaning: 'The schema registry could not be read', why: 'The schema registry was not available, so it was not dispatched' }],
  ['unknown_topic', deterministic('No topic of that name is registered')],
  ['schema_validation_failed', deterministic('The input does not fit the schema of its topic')],
  ['schema_not_found', deterministic('The schema of its topic does not exist')],
  ['schema_invalid', deterministic('The schema of its topic is broken')],
  ['max_retries_exceeded', deterministic('A policy allows no further retry')],
  ['safety_denied', policy('The safety policy denied the job')],
  ['safety_unknown', policy('The safety policy gave no clear answer, so the job was denied')],
  ['approval_rejected', policy('A person rejected the job')],
  ['output_quarantined', executed('The job ran; its output was quarantined')],
  ['output_quarantined_async', executed('The job ran; its output was quarantined later')],
  ['quarantine_failed', executed('The job ran; quarantining its output failed')],
  ['quarantine_panic_failed', executed('The job ran; quarantining its output crashed')],
  [
    'redelivery_dlq_retry',
    { class: 'unknown', meaning: 'A redelivered message overwrote the original reason', why: 'The original reason was overwritten by a redelivery: look at the job\'s detail and decisions first.' },
  ],
]);

const NONE: ReasonMeaning = { class: 'unsafe', meaning: 'Cordum gave no reason code', why: 'It has no reason code: a worker may have run it, with side effects.' };
const SUPPLIED: ReasonMeaning = { class: 'unsafe', meaning: 'A code that the worker itself reported: the job ran and failed', why: 'The code comes from a worker, so the job ran and may have had side effects.' };

export function meaningOf(reasonCode: string): ReasonMeaning {
  if (reasonCode === '') return NONE;
  const known = REASONS.get(reasonCode);
  if (known !== undefined) return known;
  if (reasonCode.startsWith('schema_')) return deterministic('The schema of its topic says no');
  if (reasonCode.startsWith('quarantine_') || reasonCode.startsWith('output_quarantined')) return executed('The job ran; its output was held back');
  return SUPPLIED;
}
