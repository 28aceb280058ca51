/** One sentence for each event, for timelines in the console, in Slack threads and on the CLI. */
import { isoTime } from '#kernel/clock.ts';
import { shortDigest } from '#kernel/digest.ts';
import type { Recorded } from '../ports.ts';
import type { EventOf, RunEventType } from './events.ts';
import type { TimelineEntry } from './views.ts';

/** Steps answer with hundreds of kilobytes; a timeline says that they did, and the run view has the answer. */
const DATA_CHARS_MAX = 16_384;

export function timelineEntry(event: Recorded): TimelineEntry {
  const say = SAY[event.type as keyof Say] as ((data: unknown) => string) | undefined;
  const large = JSON.stringify(event.data).length > DATA_CHARS_MAX;
  return {
    version: event.version,
    at: isoTime(event.at),
    actor: event.actor,
    type: event.type,
    say: say?.(event.data) ?? event.type,
    data: large ? { cut: 'too long for a timeline; the run holds all of it' } : event.data,
  };
}

type Say = { readonly [Type in RunEventType]: (data: EventOf<Type>) => string };

const SAY: Say = {
  RunStarted: (d) => `Runbook ${d.runbook} started on ${d.target} for ${d.trigger.requester}${d.dryRun ? ' (dry run)' : ''}.`,
  AlertChanged: (d) => (d.alert.resolved ? 'The alert has resolved.' : 'The alert is firing.'),
  StepStarted: (d) => `Step ${d.step} started${d.attempt > 1 ? ` (attempt ${d.attempt})` : ''}.`,
  StepSucceeded: (d) => `Step ${d.step} answered.`,
  StepFailed: (d) => `Step ${d.step} failed: ${d.failure.message}${d.retryAt === undefined ? '' : ` (again at ${isoTime(d.retryAt)})`}`,
  StepSkipped: (d) => `Step ${d.step} was skipped: ${d.because}.`,
  Diagnosed: (d) => `Diagnosis: ${[...d.findings.map((finding) => finding.say), ...d.unknowns].join(' ') || 'nothing found.'}`,
  OfferSkipped: (d) => `Offer ${d.offer} is not made: ${d.because}.`,
  OfferOpened: (d) => `Offer ${d.offer}: ${d.title}${d.needsInputs ? ' (waits for its form)' : ''}.`,
  PlanRequested: (d) => `${d.requester} asked for a plan of ${d.offer}.`,
  PlanFailed: (d) => `No plan for ${d.offer}: ${d.failure.message.replace(/\.$/, '')}.`,
  NothingToDo: (d) => `Nothing to do for ${d.offer}: ${d.because}`,
  PlanComputed: (d) => `Plan of ${d.offer}, ${d.plan.items.length} items, digest ${shortDigest(d.plan.digest)} (dry run, not offered).`,
  ApprovalRequested: (d) => `Approval asked: ${d.title}, ${d.plan.items.length} items, digest ${shortDigest(d.plan.digest)}, until ${isoTime(d.expiresAt)}${d.moved === undefined ? '' : `. Moved: ${d.moved.join('; ')}`}.`,
  DecisionRecorded: (d) => `${d.principal} said ${d.decision} to digest ${shortDigest(d.digest)} by ${d.via}${d.ahead === undefined ? '' : `, ahead on ${d.ahead.at}, for ${d.ahead.from} to ${d.ahead.to}`}${d.reason === null ? '' : `: ${d.reason}`}.`,
  AheadLooked: (d) => (d.because === null ? 'Nobody has approved this ahead.' : `What was approved ahead does not count: ${d.because}.`),
  ApprovalApproved: () => 'Approved. The plan is computed again before the first effect.',
  ApprovalDenied: (d) => `Denied by ${d.by}.`,
  ApprovalExpired: () => 'The approval expired.',
  ApprovalWithdrawn: (d) => `The approval was withdrawn: ${d.because}.`,
  ApprovalRedeemed: (d) => `Nothing has moved: applying, approved by ${d.approvedBy.join(' and ')}.`,
  WaveStarted: (d) => `Wave ${d.index + 1}: ${d.items.length} items.`,
  EffectIntended: (d) => `About to change ${d.item}.`,
  EffectSucceeded: (d) => `Done${d.learnt === 'probe' ? ' (the answer was lost; a probe found it)' : ''}.`,
  EffectFailed: (d) => `Failed: ${d.failure.message}.${d.again === true ? ' It is tried again.' : ''}`,
  EffectSkipped: (d) => `${d.item} was left alone: ${d.because}.`,
  EffectUnknown: (d) => `Nobody can tell whether the call landed: ${d.evidence}. A person must settle it.`,
  EffectSettled: (d) => `${d.by} settled it as ${d.outcome === 'applied' ? 'applied' : 'not applied'}: ${d.reason}.`,
  WaveChecked: (d) => `Wave ${d.wave.index + 1} checked: ${d.because}${d.halted ? '. Stopped.' : ''}`,
  ApplyHalted: (d) => `Stopped: ${d.because}.`,
  Verified: (d) => `Verified, ${d.outcome}: ${d.say}`,
  UndoOffered: (d) => `It did not do its job; undo is offered: ${d.title}.`,
  CancelRequested: (d) => `Cancelled by ${d.by}${d.reason === null ? '' : `: ${d.reason}`}.`,
  RunEnded: (d) => `Run ${d.status}: ${d.because}.`,
  EffectReleased: (d) => d.say,
};
