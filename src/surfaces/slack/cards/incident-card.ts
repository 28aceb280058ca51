/** The one message of an incident: rendered anew from the views at every change. Pure. */
import type { AlertView, IncidentView, RunView } from '#engine/model/views.ts';
import { isId } from '#kernel/ids.ts';
import { ACTIONS } from './actions.ts';
import { button, confirmation, context, fit, header, section, type Block, type Button, type Part } from './blocks.ts';
import { unknownEffects } from './effect-part.ts';
import { renderNotice } from './notice-card.ts';
import { offerParts } from './offer-part.ts';
import { consoleUrl, hasEnded, type CardOptions, type Subject } from './subject.ts';
import { escaped, inert, moment, mrkdwn, person, plain } from './text.ts';

export interface Card {
  /** For notifications and screen readers. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

const SHOWN_ALERTS = 3;
const SHOWN_FINDINGS = 8;
const SHOWN_UNKNOWNS = 5;
const SHOWN_RUNS = 3;
const SHOWN_LABELS = 12;

export function renderCard(subject: Subject, options: CardOptions = {}): Card {
  if (subject.notice !== undefined) return renderNotice(subject.notice);
  const title = titleOf(subject);
  const parts: Part[] = [
    { rank: 0, blocks: [header(`${markOf(subject)} ${title}`), context(mrkdwn(factsOf(subject)))] },
    ...alertParts(subject.incident?.alerts ?? []),
    ...noteParts(subject.incident),
    ...subject.runs.slice(0, SHOWN_RUNS).flatMap((run) => runParts(subject, run)),
    ...footer(subject, options),
  ];
  const more = context(plain('There is more than fits here: see the thread and the console.', 100));
  return { text: `${escaped(title, 120)}: ${stateOf(subject)}`, blocks: fit(parts.filter((part) => part.blocks.length > 0), more) };
}

/** When Slack refuses the full card: what happened and where to go on. */
export function renderMinimalCard(subject: Subject, options: CardOptions = {}): Card {
  const text = `${escaped(titleOf(subject), 120)}: ${stateOf(subject)}`;
  const blocks = [header(`${markOf(subject)} ${titleOf(subject)}`), section(plain('Slack refused the full card. Use the console or the command line.', 200))];
  return { text, blocks: [...blocks, ...linkRow(subject, options)] };
}

function titleOf(subject: Subject): string {
  return inert(subject.incident?.title ?? subject.runs[0]?.title ?? subject.id, 130);
}

function markOf(subject: Subject): string {
  if (isOver(subject)) return '✅';
  if (subject.runs.some((run) => run.status === 'unknown')) return '❓';
  const severity = subject.incident?.severity.toLowerCase();
  return severity === 'critical' || severity === 'page' ? '🔴' : severity === 'warning' ? '🟠' : '🔵';
}

function isOver(subject: Subject): boolean {
  return subject.incident === null ? subject.runs.every(hasEnded) : subject.incident.status === 'closed';
}

function stateOf(subject: Subject): string {
  if (isOver(subject)) return subject.incident === null ? (subject.runs[0]?.status ?? 'ended') : 'closed';
  if (subject.runs.some((run) => run.status === 'unknown')) return 'an effect is unknown, please settle it';
  if ([...subject.approvals.values()].some((approval) => approval.status === 'pending')) return 'waits for approval';
  return subject.runs[0]?.status ?? 'open';
}

function factsOf(subject: Subject): string {
  const { incident } = subject;
  const run = subject.runs[0];
  const words = [`*${stateOf(subject)}*`];
  if (incident !== null) words.push(`severity ${escaped(incident.severity, 30)}`);
  words.push(`target ${escaped(incident?.target ?? run?.target ?? '–', 60)}`);
  const runbook = incident?.runbook ?? run?.runbook;
  words.push(runbook === undefined ? 'no runbook matches' : `runbook ${escaped(runbook, 60)}`);
  words.push(`since ${moment(incident?.openedAt ?? run?.startedAt ?? '')}`);
  if (incident === null && run !== undefined) words.push(`started by ${person(run.trigger.requester)}`);
  const lines = [words.join(' · ')];
  if (incident?.closedAt != null) lines.push(`Closed ${moment(incident.closedAt)}${incident.closedBy === null ? '' : ` by ${person(incident.closedBy)}`}${incident.closedBecause === null ? '' : `: ${escaped(incident.closedBecause, 300)}`}`);
  return lines.join('\n');
}

function alertParts(alerts: readonly AlertView[]): readonly Part[] {
  const parts: Part[] = alerts.slice(0, SHOWN_ALERTS).map((alert) => ({ rank: 4, blocks: [section(plain(alertText(alert), 700))] }));
  const more = alerts.length - SHOWN_ALERTS;
  return more > 0 ? [...parts, { rank: 4, blocks: [context(plain(`and ${more} more alert(s)`, 60))] }] : parts;
}

function alertText(alert: AlertView): string {
  const says = alert.annotations['summary'] ?? alert.annotations['description'] ?? '';
  const labels = Object.entries(alert.labels).slice(0, SHOWN_LABELS).map(([name, value]) => `${inert(name, 40)}=${inert(value, 60)}`);
  const more = Object.keys(alert.labels).length - labels.length;
  return `${alert.status === 'firing' ? '🔥' : '✅'} ${inert(says === '' ? (alert.labels['alertname'] ?? 'alert') : says, 250)}\n${labels.join('  ')}${more > 0 ? `  and ${more} more` : ''}`;
}

function noteParts(incident: IncidentView | null): readonly Part[] {
  const notes = incident?.notes ?? [];
  return notes.length === 0 ? [] : [{ rank: 2, blocks: [context(plain(notes.slice(0, 4).map((note) => `ℹ️ ${inert(note, 250)}`).join('\n'), 1_000))] }];
}

function runParts(subject: Subject, run: RunView): readonly Part[] {
  const parts: Part[] = [];
  if (subject.runs.length > 1) parts.push({ rank: 3, blocks: [{ type: 'divider' }, context(mrkdwn(`Run ${escaped(run.id, 40)} · *${run.status}* · since ${moment(run.startedAt)}`))] });
  if (run.findings.length > 0) parts.push({ rank: 2, blocks: [section(mrkdwn('*What is wrong*')), section(plain(findingsText(run), 1_800))] });
  const failed = run.steps.filter((step) => step.status === 'failed').map((step) => `${step.id} failed: ${step.failure?.message ?? step.because ?? 'no reason given'}`);
  const unseen = run.unknowns.length > 0 ? run.unknowns : failed;
  if (unseen.length > 0) parts.push({ rank: 2, blocks: [section(mrkdwn('*Could not see*')), section(plain(listed(unseen, SHOWN_UNKNOWNS, '•'), 1_200))] });
  if (run.because !== null && hasEnded(run)) parts.push({ rank: 2, blocks: [context(plain(`Run ${run.status}: ${inert(run.because, 300)}`, 400))] });
  parts.push(...unknownEffects(run), ...run.offers.flatMap((offer) => offerParts(subject, run, offer)));
  return parts;
}

function findingsText(run: RunView): string {
  const marks = { info: '🔵', warning: '🟠', critical: '🔴' } as const;
  const lines = run.findings.slice(0, SHOWN_FINDINGS).map((finding) => `${marks[finding.severity]} ${inert(finding.say, 250)}`);
  const more = run.findings.length - lines.length;
  return more > 0 ? `${lines.join('\n')}\n… and ${more} more in the thread` : lines.join('\n');
}

function listed(sentences: readonly string[], shown: number, mark: string): string {
  const lines = sentences.slice(0, shown).map((sentence) => `${mark} ${inert(sentence, 250)}`);
  const more = sentences.length - lines.length;
  return more > 0 ? `${lines.join('\n')}\n… and ${more} more in the thread` : lines.join('\n');
}

function footer(subject: Subject, options: CardOptions): readonly Part[] {
  const buttons: Button[] = [];
  const url = consoleUrl(subject, options);
  if (url !== undefined) buttons.push(button(ACTIONS.console, 'Open in the console', { url }));
  const live = subject.runs.find((run) => !hasEnded(run));
  if (live !== undefined && isId(live.id)) buttons.push(button(ACTIONS.cancel, 'Stop this run', { value: live.id, confirm: confirmation('Stop this run?', 'Pending offers are withdrawn. An apply that has begun halts before its next wave.', 'Stop', 'danger') }));
  if (subject.incident?.status === 'open' && isId(subject.id)) buttons.push(button(ACTIONS.close, 'Close incident…', { value: subject.id }));
  return buttons.length === 0 ? [] : [{ rank: 1, blocks: [{ type: 'actions', elements: buttons }] }];
}

function linkRow(subject: Subject, options: CardOptions): readonly Block[] {
  const url = consoleUrl(subject, options);
  return url === undefined ? [] : [{ type: 'actions', elements: [button(ACTIONS.console, 'Open in the console', { url })] }];
}
