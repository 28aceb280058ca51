/** The report of a drill as Markdown: for a ticket, a wiki, a review. */
import type { JsonObject } from '#kernel/json.ts';
import { viewOf, type ReportSection } from './report-view.ts';
import type { TrendPoint } from './trend.ts';

export function markdownReport(bundle: JsonObject, trend: readonly TrendPoint[]): string {
  const view = viewOf(bundle);
  const parts = [`# ${plain(view.title)}`, `**${view.status.toUpperCase()}** – ${plain(view.summary)}`, ...view.sections.map((section) => sectionText(section, trend))];
  return `${parts.join('\n\n')}\n`;
}

function sectionText(section: ReportSection, trend: readonly TrendPoint[]): string {
  const parts = [`## ${plain(section.title)}`];
  if (section.note !== '') parts.push(plain(section.note));
  if (section.chart === 'trend') parts.push(table(['Drill', 'Status', 'RTO in s', 'RPO in s', 'Bytes'], trend.map((point) => [point.id, point.status, String(point.rtoSeconds), point.rpoSeconds === null ? '–' : String(point.rpoSeconds), point.bytes === null ? '–' : String(point.bytes)])));
  if (section.rows.length > 0) parts.push(table(section.head, section.rows));
  return parts.join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** Nothing that comes from outside can make a link, a tag, a cell or a line of its own. */
export function plain(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f\u0085\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .replaceAll(/[\\`*_[\]<>|#!~]/g, (mark) => (mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : `\\${mark}`))
    .replaceAll(/&(?!lt;|gt;)/g, '&amp;')
    .replaceAll(/:\/\//g, ':&#47;&#47;');
}
