/** The report of a drill as one HTML file: charts are in it, and it loads nothing. */
import type { JsonObject } from '#kernel/json.ts';
import { rtoChart, trendCharts } from './charts.ts';
import { viewOf, type ReportSection } from './report-view.ts';
import type { TrendPoint } from './trend.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #ffffff; --good: #1a7f37; --bad: #b3261e; --odd: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --page: #0d1117; --good: #3fb950; --bad: #ff7b72; --odd: #d29922; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
p { margin: .4rem 0; } .note { color: var(--soft); }
.verdict { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; border: 2px solid; font-weight: 700; letter-spacing: .03em; }
.passed { color: var(--good); } .failed { color: var(--bad); } .warning { color: var(--odd); } .skipped { color: var(--soft); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { font-weight: 600; color: var(--soft); } td:first-child { min-width: 13rem; } td.status { font-weight: 600; white-space: nowrap; }
figure { margin: 1rem 0; padding: .5rem; background: #ffffff; border-radius: 6px; } figure svg { width: 100%; height: auto; display: block; } figcaption { color: #57606a; font-size: .85rem; }
@media print { body { padding: 0; max-width: none; } h2 { break-after: avoid; } tr, figure { break-inside: avoid; } }
`;

export async function htmlReport(bundle: JsonObject, trend: readonly TrendPoint[]): Promise<string> {
  const view = viewOf(bundle);
  const rto = await rtoChart(view.phasesMs, view.rtoObjectiveSeconds);
  const trends = await trendCharts(trend, { rtoSeconds: view.rtoObjectiveSeconds, rpoSeconds: view.rpoObjectiveSeconds });
  const charts = { rto: [{ caption: 'Where the time went', svg: rto }], trend: trends };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(view.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(view.title)}</h1>
<p><span class="verdict ${view.status}">${view.status.toUpperCase()}</span></p>
<p>${escapeHtml(view.summary)}</p>
${view.sections.map((section) => sectionHtml(section, charts)).join('\n')}
</body>
</html>
`;
}

interface Chart {
  readonly caption: string;
  readonly svg: string;
}

function sectionHtml(section: ReportSection, charts: Readonly<Record<'rto' | 'trend', readonly Chart[]>>): string {
  const figures = section.chart === undefined ? [] : charts[section.chart];
  return `<section>
<h2>${escapeHtml(section.title)}</h2>
${section.note === '' ? '' : `<p class="note">${escapeHtml(section.note)}</p>`}
${figures.map(({ caption, svg }) => `<figure>${svg}<figcaption>${escapeHtml(caption)}</figcaption></figure>`).join('\n')}
${section.rows.length === 0 ? '' : tableHtml(section)}
</section>`;
}

function tableHtml({ head, rows, statuses }: ReportSection): string {
  const named = head.some((name) => name !== '');
  const headHtml = named ? `<thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead>` : '';
  const at = head.indexOf('Status');
  const body = rows.map((row, i) => `<tr>${row.map((cell, j) => `<td${j === at && statuses?.[i] !== undefined ? ` class="status ${statuses[i]}"` : ''}>${escapeHtml(cell)}</td>`).join('')}</tr>`);
  return `<div class="scroll"><table>${headHtml}<tbody>${body.join('\n')}</tbody></table></div>`;
}

/** Also of what turns the direction of a line, which could make a text read as another one. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '\u{fffd}')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
