/** The details under a card: each line of a run's timeline once, the whole plan, the findings in full. Pure. */
import { z } from 'zod';
import type { IncidentView, TimelineEntry } from '#engine/model/views.ts';
import type { Json } from '#kernel/json.ts';
import { section, SECTION_MAX, type Block } from './blocks.ts';
import { planLine } from './plan-line.ts';
import { inert, inertLines, plain } from './text.ts';

/** How far a run's timeline has been posted: a long entry has several parts. */
export interface Seen {
  readonly version: number;
  readonly part: number;
}

export interface Detail extends Seen {
  readonly text: string;
}

export interface ThreadMessage {
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly upTo: Seen;
}

const PART_MAX = SECTION_MAX - 200;
/** Below the budget of one message, whatever the characters are. */
const MESSAGE_BYTES = 7_500;
const MESSAGE_DETAILS = 30;
/** Longer plans are read in the console, or with `runbook-bot show`. */
const PLAN_PARTS = 20;
const PLAN_LINE_MAX = 500;

/** The card counts these; 240 items would be 480 lines. */
const UNSAID: ReadonlySet<string> = new Set(['EffectIntended', 'EffectSucceeded', 'StepStarted', 'PlanRequested', 'AlertChanged']);

/** Written by the bot itself, so it is not walked through once more. */
const json = z.custom<Json>((value) => value !== undefined);
const planData = z.object({ plan: z.object({ items: z.array(z.object({ key: z.string(), title: z.string(), current: json, next: json })), notes: z.array(z.string()) }) });
const diagnosedData = z.object({ findings: z.array(z.object({ severity: z.string(), say: z.string() })), unknowns: z.array(z.string()) });
const failedData = z.object({ failure: z.object({ reason: z.string(), message: z.string() }) });

/** What there is to say of these entries, in order, after `seen`. `entries` begins with the entry that was last seen. */
export function detailsOf(entries: readonly TimelineEntry[], seen: Seen): readonly Detail[] {
  const said = entries.filter((entry) => entry.version >= seen.version && !UNSAID.has(entry.type));
  const details = said.flatMap((entry) => partsOf(entry).map((text, part) => ({ version: entry.version, part, text })));
  return details.filter((detail) => detail.version > seen.version || detail.part > seen.part);
}

/** The next message of the thread, as many details as fit; undefined when all has been said. */
export function nextMessage(details: readonly Detail[]): ThreadMessage | undefined {
  const texts: string[] = [];
  let upTo: Seen | undefined;
  let bytes = 0;
  for (const detail of details.slice(0, MESSAGE_DETAILS)) {
    const size = Buffer.byteLength(JSON.stringify(detail.text));
    if (upTo !== undefined && bytes + size > MESSAGE_BYTES) break;
    bytes += size;
    upTo = { version: detail.version, part: detail.part };
    texts.push(detail.text);
  }
  return upTo === undefined ? undefined : { text: 'Details', blocks: packed(texts), upTo };
}

/** The alerts with all their labels and annotations: posted once, before anything else. */
export function alertFacts(incident: IncidentView): ThreadMessage {
  const texts = incident.alerts.slice(0, 10).map((alert) => {
    const rows = [...Object.entries(alert.labels), ...Object.entries(alert.annotations)].slice(0, 40).map(([name, value]) => `${inert(name, 60)}: ${inert(value, 300)}`);
    return inertLines([`Alert ${alert.fingerprint}, ${alert.status} since ${alert.startsAt}`, ...rows].join('\n'), 2_000);
  });
  return nextMessage(texts.map((text, part) => ({ version: 0, part, text }))) ?? { text: 'Details', blocks: [section(plain('No alerts.', 20))], upTo: { version: 0, part: 0 } };
}

function partsOf(entry: TimelineEntry): readonly string[] {
  const line = `${timeOf(entry)}  ${inert(entry.say, 1_000)}`;
  switch (entry.type) {
    case 'ApprovalRequested':
      return [line, ...planParts(entry)];
    case 'Diagnosed':
      return [line, ...diagnosedParts(entry)];
    case 'StepFailed':
    case 'PlanFailed':
    case 'EffectFailed': {
      const failure = failedData.safeParse(entry.data).data?.failure;
      return failure === undefined || entry.say.includes(failure.message) ? [line] : [`${line}\n${inert(`${failure.reason}: ${failure.message}`, 1_500)}`];
    }
    default:
      return [line];
  }
}

function planParts(entry: TimelineEntry): readonly string[] {
  const plan = planData.safeParse(entry.data).data?.plan;
  if (plan === undefined) return [];
  const lines = [...plan.items.map((item, at) => `${at + 1}. ${planLine(item, PLAN_LINE_MAX)}`), ...plan.notes.map((note) => inert(note, 500))];
  const parts = chunked(lines);
  if (parts.length <= PLAN_PARTS) return parts;
  return [...parts.slice(0, PLAN_PARTS), 'The plan is longer than Slack should hold: read the rest in the console.'];
}

function diagnosedParts(entry: TimelineEntry): readonly string[] {
  const found = diagnosedData.safeParse(entry.data).data;
  if (found === undefined) return [];
  return chunked([...found.findings.map((finding) => `${finding.severity}: ${inert(finding.say, 2_500)}`), ...found.unknowns.map((say) => `could not see: ${inert(say, 2_500)}`)]).slice(0, PLAN_PARTS);
}

function timeOf(entry: TimelineEntry): string {
  return inert(entry.at, 30).slice(11, 19);
}

/** Lines put together to texts of at most one section and one message. */
function chunked(lines: readonly string[]): readonly string[] {
  return grouped(lines, (text) => text.length <= PART_MAX && Buffer.byteLength(text) <= MESSAGE_BYTES - 500);
}

function packed(texts: readonly string[]): readonly Block[] {
  return grouped(texts, (text) => text.length <= SECTION_MAX).map((text) => section(plain(text, SECTION_MAX)));
}

function grouped(texts: readonly string[], fits: (text: string) => boolean): readonly string[] {
  const out: string[] = [];
  for (const text of texts) {
    const last = out.at(-1);
    const joined = last === undefined ? text : `${last}\n${text}`;
    if (last !== undefined && fits(joined)) out[out.length - 1] = joined;
    else out.push(text);
  }
  return out;
}
