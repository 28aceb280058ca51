import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';
import type { Runbook } from '#language/runbook.ts';
import { STEPS } from '../../kit/language/steps.ts';

const GOOD = readFileSync(new URL('../../fixtures/runbooks/shop-dlq.yaml', import.meta.url), 'utf8');
const FILE = 'runbooks/shop-dlq.yaml';

function lint(text: string): string[] {
  const { diagnostics, runbook } = loadRunbook({ file: FILE, text, steps: STEPS });
  if (diagnostics.some((each) => each.severity === 'error')) expect(runbook).toBeUndefined();
  return diagnostics.map(formatDiagnostic);
}

function load(text: string): Runbook {
  const { runbook, diagnostics } = loadRunbook({ file: FILE, text, steps: STEPS });
  if (runbook === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return runbook;
}

/** The good file with pieces replaced; each must be there. */
function edited(...edits: readonly (readonly [string, string])[]): string {
  return edits.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the fixture has no ${from}`);
    return text.replace(from, () => to);
  }, GOOD);
}

const MINIMAL = 'runbook: shop-dlq\ntitle: T\nowner: o\n';

describe('a good runbook', () => {
  it('is loaded with its defaults', () => {
    const runbook = load(GOOD);
    expect(runbook).toMatchObject({ name: 'shop-dlq', title: 'DLQ overflow', owner: 'platform-oncall', source: GOOD, file: FILE });
    expect(runbook.revision).toMatch(/^[0-9a-f]{64}$/);
    expect(runbook.done).toMatchObject({ withinMs: 1_800_000 });
    expect(runbook.steps.map((node) => [node.id, node.after, node.timeoutMs, node.retry, node.onFailure])).toEqual([
      ['entries', [], 30_000, { attempts: 1, delayMs: 1_000 }, 'continue'],
      ['triage', ['entries'], 30_000, { attempts: 1, delayMs: 1_000 }, 'continue'],
      ['jobs', ['entries'], 90_000, { attempts: 1, delayMs: 1_000 }, 'continue'],
    ]);
    expect(runbook.steps[2]?.forEach).toMatchObject({ as: 'item', concurrency: 4 });
    expect(runbook.offers[0]).toMatchObject({ id: 'retry', tier: 'R2', inputs: [], waves: { sizes: [1, 5, 25, { percent: 100 }], pauseMs: 30_000, deadlineMs: 300_000 } });
    expect(runbook.findings[0]?.if.steps).toEqual(['triage']);
  });

  it('runs the items of its list one after another, and the members of a parallel block together', () => {
    const steps = `steps:
  - { id: a, uses: shop.dlq.list }
  - parallel:
      - { id: b, uses: shop.dlq.list }
      - { id: c, uses: shop.dlq.list }
  - { id: d, uses: shop.dlq.list, timeout: 5s, on-failure: stop, retry: { attempts: 3, delay: 2s } }
  - { id: e, uses: shop.dlq.list }
`;
    const runbook = load(MINIMAL + steps);
    expect(runbook.steps.map((node) => [node.id, node.after])).toEqual([['a', []], ['b', ['a']], ['c', ['a']], ['d', ['b', 'c']], ['e', ['d']]]);
    expect(runbook.steps[3]).toMatchObject({ timeoutMs: 5_000, onFailure: 'stop', retry: { attempts: 3, delayMs: 2_000 } });
    expect(runbook.done).toEqual({ withinMs: 3_600_000 });
  });

  it('takes inputs, offers with a form and a raised tier', () => {
    const runbook = load(`${MINIMAL}inputs:
  - { name: limit, type: int, default: 100 }
steps:
  - { id: entries, uses: shop.dlq.list, with: { limit: '\${{ inputs.limit }}', topic: '\${{ alert.labels.topic }}' } }
offers:
  - id: drop
    title: Delete
    if: \${{ steps.entries.ok }}
    uses: shop.dlq.retry
    tier: R3
    inputs:
      - { name: jobs, type: list, required: true, options: '\${{ steps.entries.output.items.map(e, e.jobId) }}' }
    with:
      entries: \${{ steps.entries.output.items.filter(e, e.jobId in inputs.jobs) }}
`);
    expect(runbook.inputs).toEqual([{ name: 'limit', type: 'int', title: 'limit', required: false, default: 100 }]);
    expect(runbook.offers[0]).toMatchObject({ tier: 'R3', inputs: [{ name: 'jobs', required: true, type: 'list' }], waves: { sizes: [1, 5, 25, { percent: 100 }] } });
  });

  it('leaves an optional field out when its expression gives null', () => {
    const runbook = load(`${MINIMAL}inputs: [{ name: topic }]\nsteps:\n  - { id: entries, uses: shop.dlq.list, with: { topic: '\${{ inputs.topic }}' } }\n`);
    expect(runbook.steps[0]?.with.evaluate({ inputs: {} })).toEqual({ ok: true, value: {} });
    expect(runbook.steps[0]?.with.evaluate({ inputs: { topic: 'a' } })).toEqual({ ok: true, value: { topic: 'a' } });
  });
});

describe('mistakes', () => {
  it('are all reported at once, in order, each at its place with what was expected', () => {
    const text = edited(
      ['owner:', 'ownr:'],
      ['"ShopDLQDepthHigh"', '~".*"'],
      ['- id: entries', '- idd: entries'],
      ['limit: 1000', 'limt: 1000'],
      ['shop.dlq.triage', 'shop.dlq.triag'],
      ['item.jobId', 'item.jobid'],
      ['r.code ==', 'r.cod =='],
      ['severity: critical', 'severity: crit'],
      ['recommends: retry', 'recommends: rety'],
      ['entries: ${{ steps.triage.output.safe }}', 'entries: ${{ steps.triage.output.safe.size() }}'],
      ['wave.returned', 'wave.retured'],
      ['within: 30m', 'within: 30x'],
    );
    expect(lint(text)).toEqual([
      `${FILE}:3:1 error unknown-key: unknown key "ownr"\n    hint: did you mean "owner"?`,
      `${FILE}:6:12 error no-alertname: a trigger writes out the name of its alert\n    hint: add alertname="…"; several names are several triggers`,
      `${FILE}:8:5 error unknown-key: unknown key "idd"\n    hint: did you mean "id"?`,
      `${FILE}:11:7 error unknown-key: unknown key "limt" under "with"\n    hint: did you mean "limit"?`,
      `${FILE}:14:15 error unknown-step: there is no step "shop.dlq.triag"\n    hint: did you mean "shop.dlq.triage"?`,
      `${FILE}:21:24 error unknown-field: there is no field "jobid" in {jobId, topic, reasonCode, attempts, ageHours, labels, …}\n    hint: did you mean "jobId"?`,
      `${FILE}:23:54 error unknown-field: there is no field "cod" in {code, count, jobs}\n    hint: did you mean "code"?`,
      `${FILE}:26:17 error unknown-reference: there is no offer "rety"\n    hint: did you mean "retry"?`,
      `${FILE}:28:15 error bad-value: "severity": expected one of info, warning, critical`,
      `${FILE}:36:16 error type-mismatch: "entries" does not fit: expected list of {jobId, topic}, got int`,
      `${FILE}:37:67 error unknown-field: there is no field "retured" in {index, size, done, returned, failed, unknown}\n    hint: did you mean "returned"?`,
      `${FILE}:40:11 error bad-value: "within": expected a duration such as 30s, 5m or 1h30m, got "30x"`,
    ]);
  });

  it.each<readonly [string, readonly (readonly [string, string])[], RegExp]>([
    ['a name that is not the file', [['runbook: shop-dlq', 'runbook: other']], /:1:10 error name-mismatch/],
    ['a missing key', [['title: DLQ overflow\n', '']], /:1:1 error missing-key: the key "title" is missing/],
    ['a step used as an offer', [['uses: shop.dlq.retry', 'uses: shop.dlq.list']], /:34:11 error read-step: .*\n +hint: put it under "steps:"/],
    ['a write step under steps', [['uses: shop.dlq.list', 'uses: shop.dlq.retry']], /:9:11 error write-step: .*\n +hint: put it under "offers:"/],
    ['the same step id twice', [['- id: triage', '- id: entries']], /duplicate-id: there is already a step "entries"/],
    ['an id that expressions cannot name', [['- id: triage', '- id: tri-age']], /"id": expected a word/],
    ['a step that looks at a later one', [['limit: 1000', 'limit: ${{ steps.triage.output.safe.size() }}']], /:11:18 error unknown-reference: step "triage" has not ended yet/],
    ['a step that looks at its neighbour in a parallel block', [['steps.entries.output.items.filter', 'steps.triage.output.safe.filter']], /:19:23 error unknown-reference: step "triage" has not ended/],
    ['a literal of the wrong type', [['limit: 1000', 'limit: many']], /:11:14 error type-mismatch: "limit" does not fit: expected int, got string/],
    ['a literal beyond the limits', [['limit: 1000', 'limit: 0']], /:11:14 error bad-value: "limit": /],
    ['a string where an int is wanted', [['limit: 1000', 'limit: ${{ target }}']], /:11:14 error type-mismatch: "limit" does not fit: expected int, got string/],
    ['a text where an int is wanted', [['limit: 1000', 'limit: about ${{ 5 }}']], /type-mismatch: "limit" does not fit: expected int, got string/],
    ['a value that is none of the choices', [['limit: 1000', 'order: newest']], /"order" does not fit: expected one of new, old, got newest/],
    ['a missing key with a closed set', [['    severity: critical\n', '']], /missing-key: the key "severity" is missing\n\s+hint: expected one of info, warning, critical/],
    ['a missing key under with', [['          id: ${{ item.jobId }}', '          {}']], /missing-key: the key "id" is missing under "with"/],
    ['a record without a field that is needed', [['entries: ${{ steps.triage.output.safe }}', 'entries: ${{ steps.triage.output.byReason }}']], /each element: expected a field "jobId", got \{code, count, jobs\}/],
    ['a condition that is no bool', [['if: ${{ steps.triage.output.safe.size() > 0 }}', 'if: ${{ steps.triage.output.safe.size() }}']], /:33:9 error type-mismatch: "if" must be a bool: expected bool, got int/],
    ['a condition without ${{ }}', [['when: ${{ alert.resolved }}', 'when: alert.resolved']], /"when" must be a bool.*\n +hint: write it as an expression: \$\{\{ alert\.resolved \}\}/],
    ['a sentence that is no text', [['say: A job was lost', 'say: ${{ steps.entries.output.total }}']], /"say" must be a string/],
    ['a for-each over no list', [['for-each: ${{ steps.entries.output.items.filter(e, e.attempts > 1) }}', 'for-each: ${{ steps.entries.output.total }}']], /:19:19 error type-mismatch: "for-each" must be a list/],
    ['item outside a for-each', [['limit: 1000', 'limit: ${{ item.x }}']], /no "item" here\n +hint: item exists only/],
    ['wave outside halt', [['safe.size() > 0 }}', 'safe.size() > wave.size }}']], /no "wave" here\n +hint: wave exists only in waves\.halt/],
    ['a lowered tier', [['uses: shop.dlq.retry', 'uses: shop.dlq.retry\n    tier: R1']], /lower-tier: shop\.dlq\.retry is R2/],
    ['bad wave sizes', [['[1, 5, 25, 100%]', '[0, 5, 200%]']], /"0": .*|a share such as 25%/],
    ['a bad matcher', [['alertname="ShopDLQDepthHigh"', 'alertname="X']], /:6:13 error bad-matcher: the closing double quote/],
    ['an alert that is only matched by a pattern', [['alertname="ShopDLQDepthHigh"', 'alertname=~"Shop.*"']], /no-alertname/],
    ['a nested parallel block', [['      - id: triage\n        uses', '      - parallel: []\n        uses']], /:13:9 error bad-value: a parallel block may not stand inside another/],
    ['an unknown key of a step', [['uses: shop.job.get', 'uses: shop.job.get\n        foreach: x']], /unknown key "foreach"\n +hint: did you mean "for-each"/],
    ['a duplicate key', [['owner: platform-oncall', 'owner: platform-oncall\ntitle: again']], /:4:1 error duplicate-key/],
    ['a tab', [['    with:\n', '\twith:\n']], /:10:1 error tab: .*\n +hint: indent with spaces/],
    ['an expression that YAML takes apart', [['${{ alert.resolved }}', '${{ alert.firing ? false : true }}']], /:39:9 error needs-quotes: .*\n +hint: YAML reads/],
    ['an expression that a comment cuts off', [['${{ alert.resolved }}', '${{ target == "a #b" }}']], /:39:9 error needs-quotes/],
    ['an expression in a flow mapping without quotes', [["halt: '${{ wave.returned > wave.size * 0.1 }}'", 'halt: ${{ wave.returned > 1 }}']], /:37:.* error needs-quotes/],
    ['a second document', [['done:', '---\ndone:']], /MULTIPLE|multiple documents/],
    ['a tag', [['owner: platform-oncall', 'owner: !!js/function x']], /bad-yaml/],
    ['an unknown alias', [['owner: platform-oncall', 'owner: *nobody']], /bad-yaml/],
  ])('%s', (_, edits, message) => {
    expect(lint(edited(...edits)).join('\n')).toMatch(message);
  });

  it('reports each unquoted expression, not what the parser makes of the rest', () => {
    const text = edited(['${{ alert.resolved }}', '${{ alert.firing ? false : true }}'], ['${{ steps.triage.output.safe.size() > 0 }}', '${{ alert.firing ? true : false }}']);
    expect(lint(text).map((each) => each.split(' ')[0])).toEqual([`${FILE}:33:9`, `${FILE}:39:9`]);
  });

  it.each(['', '[]', 'x', '5', 'null', '- a', '&a [*a]', 'a: &a [*a]', '? [x]\n: y', '\u0000', '%YAML 9.9\n---\n', '{'.repeat(5_000), 'a: '.repeat(3_000), '- '.repeat(20_000)])('answers %j with diagnostics', (text) => {
    expect(lint(text).length).toBeGreaterThan(0);
  });

  it('refuses a file that is too large, and one that aliases blow up', () => {
    expect(lint(`# ${'x'.repeat(300_000)}`).join()).toMatch(/:1:1 error too-large/);
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e', 'f', 'g'].map((key, i) => `${key}: &${key} [${Array.from({ length: 10 }, () => `*${'abcdef'.charAt(i)}`).join(',')}]`)].join('\n');
    expect(lint(bomb).join()).toMatch(/too-large: a file may hold at most/);
  });

  it('allows an alias that is used within reason', () => {
    const text = edited(['if: ${{ steps.jobs.output.items.exists(j, j.state == "lost") }}', 'if: &c ${{ steps.jobs.output.items.exists(j, j.state == "lost") }}'], ['if: ${{ steps.triage.output.safe.size() > 0 }}', 'if: *c']);
    expect(lint(text)).toEqual([]);
  });

  it('treats hostile keys as unknown keys', () => {
    expect(lint(`${MINIMAL}__proto__: { x: 1 }\nconstructor: 1\n`).join('\n')).toMatch(/unknown key "__proto__"[\s\S]*unknown key "constructor"/);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
