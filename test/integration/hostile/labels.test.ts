import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';
import { waitFor } from '../../kit/servers/process.ts';

const HOSTILE = [
  'a"} or up{x="', '${{ 1 + 1 }}', '{{ $labels.x }}', 'a\\', '../../../etc/passwd', '..%2f..%2fadmin', "x'; DROP", 'a\r\nX-Evil: 1', '<!channel> <https://evil|ok>',
  '\u202Egnp.exe', 'nul\u0000byte', '!x', 'a notin (b)', '', 'x'.repeat(64 * 1024), '\ud800', '__proto__', '$labels', '`', 'ü😀\u2028',
];
const ALERTS = ['CordumJobFailureRateHigh', 'CordumWorkerHeartbeatGap', 'CordumDispatchLatencyHigh'];
/** What is asked for: not nothing, which would match every series, nor what is longer than a label is. */
const ASKED = HOSTILE.filter((value) => value !== '' && value.length <= 1_000);
/** Runs that an alert of each name and each value starts. */
const RUNS = HOSTILE.length * ALERTS.length;
/** A string literal of PromQL. */
const LITERAL = /"(?:[^"\\\n]|\\.)*"/g;

interface Asked {
  readonly path: string;
  readonly query: string;
  readonly evil: boolean;
}

/** As Go reads it: of its escapes we write those that JSON has as well. What is no literal stays what it is. */
function readLiteral(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Stands in for Prometheus, which has no series, and for a Cordum and an Alertmanager that know nothing. */
async function startRecorder(): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://recorder');
    asked.push({ path: url.pathname, query: url.searchParams.get('query') ?? '', evil: request.headers['x-evil'] !== undefined });
    response.setHeader('content-type', 'application/json');
    response.statusCode = url.pathname === '/api/v1/query' ? 200 : 404;
    response.end(JSON.stringify(response.statusCode === 200 ? { status: 'success', data: { resultType: 'vector', result: [] } } : { error: 'not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('labels of alerts, from the webhook to what goes over the wire', () => {
  it('never become a path, a header or the syntax of a query', { timeout: 120_000 }, async () => {
    const recorder = await startRecorder();
    const rig = await startRunbookRig({ prometheus: { url: recorder.url }, cordum: { url: recorder.url, apiKey: 'key', tenant: 'default' } });
    for (const [n, value] of HOSTILE.entries()) {
      for (const alertname of ALERTS) {
        const labels = { alertname, n: String(n), namespace: value, pool: value, service: value, target: value };
        const alert = { status: 'firing', labels, annotations: { summary: value }, startsAt: '2026-11-20T10:00:00Z', endsAt: '0001-01-01T00:00:00Z', fingerprint: `${alertname}-${n}` };
        const sent = await fetch(`${rig.app.url}/webhooks/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ version: '4', groupLabels: { alertname, n: String(n) }, alerts: [alert] }) });
        expect(sent.status, value.slice(0, 40)).toBe(200);
      }
    }
    const runs = await waitFor(
      async () => {
        const { items } = await rig.app.operations.runs({ limit: 200 });
        const views = (await Promise.all(items.map(({ id }) => rig.app.operations.run(id)))).flatMap((view) => view ?? []);
        return views.length === RUNS && views.every(({ steps }) => steps.every(({ status }) => !['pending', 'running', 'retrying'].includes(status))) ? views : undefined;
      },
      { until: 'every run has read what it can', withinMs: 90_000 },
    );
    expect(JSON.stringify(runs)).not.toContain('is a bug');
    const queries = [...new Set(recorder.asked.map(({ query }) => query))].filter((query) => /namespace=|target=/.test(query));
    expect(queries.length).toBeGreaterThan(HOSTILE.length);
    // Each value arrived as a whole literal, so none was cut short, refused for its quotes, or read as syntax.
    const literals = new Set(queries.flatMap((query) => query.match(LITERAL) ?? []).map(readLiteral));
    expect(ASKED.filter((value) => !literals.has(value.toWellFormed()))).toEqual([]);
    // Without its string literals each query is one that the runbook's own text gives.
    const shapes = new Set(queries.map((query) => query.replaceAll(LITERAL, '""')));
    expect([...shapes].filter((shape) => /["'`\\]|up\{|DROP|evil|passwd|\p{Cc}/u.test(shape.replaceAll('""', '')))).toEqual([]);
    expect(shapes.size).toBeLessThan(30);
    expect(recorder.asked.some(({ evil }) => evil)).toBe(false);
    expect([...new Set(recorder.asked.map(({ path }) => path))].filter((path) => /%|\.\.|passwd|admin|evil/i.test(path))).toEqual([]);
  });
});
