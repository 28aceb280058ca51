/** Alertmanager's API v2, read only: which alerts it holds for firing, and since when it runs. */
import { fail, succeed, type FailureReason, type Result } from '#kernel/failure.ts';
import { isLabels, type Labels } from '#kernel/labels.ts';
import { redactLabels } from '#kernel/redact.ts';
import type { Dispatcher } from 'undici';
import { z } from 'zod';

const TIMEOUT_MS = 10_000;
const ANSWER_MAX_BYTES = 32 * 1024 * 1024;

export interface AlertmanagerClient {
  /** Everything that fires, also what is silenced or inhibited: a silence hides a problem, it does not end it. */
  active(): Promise<Result<{ readonly alerts: ReadonlyMap<string, Labels>; readonly uptimeMs: number }>>;
}

export interface AlertmanagerClientParts {
  /** With its path prefix, if it has one; credentials in it are sent as basic authentication. */
  readonly url: string;
  readonly now: () => number;
  readonly dispatcher?: Dispatcher;
  readonly timeoutMs?: number;
}

const labels = z.custom<Labels>(isLabels);
const alertsAnswer = z.array(z.object({ fingerprint: z.string().min(1), labels }));
/** `uptime` is the time at which it started. */
const statusAnswer = z.object({ uptime: z.iso.datetime({ offset: true }) });

export function createAlertmanagerClient(parts: AlertmanagerClientParts): AlertmanagerClient {
  const base = new URL(parts.url);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (base.username !== '') headers['authorization'] = `Basic ${Buffer.from(`${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`).toString('base64')}`;
  base.username = '';
  base.password = '';
  const root = base.href.replace(/[?#].*$/, '').replace(/\/+$/, '');

  async function get<T>(path: string, schema: z.ZodType<T>): Promise<Result<{ readonly value: T; readonly atMs: number }>> {
    const what = `Alertmanager at ${base.host}`;
    try {
      // Loaded by the first call: most bots ask no Alertmanager.
      const { request } = await import('undici');
      const answer = await request(`${root}${path}`, {
        headers,
        signal: AbortSignal.timeout(parts.timeoutMs ?? TIMEOUT_MS),
        ...(parts.dispatcher === undefined ? {} : { dispatcher: parts.dispatcher }),
      });
      if (answer.statusCode !== 200) {
        await answer.body.dump();
        return fail(reasonOf(answer.statusCode), `${what} answered ${answer.statusCode} to ${path}.`);
      }
      const text = await readText(answer.body);
      if (text === undefined) return fail('tooLarge', `${what} answered more than ${ANSWER_MAX_BYTES} bytes to ${path}.`);
      const read = schema.safeParse(parseJson(text));
      if (!read.success) return fail('unexpected', `${what} answered something to ${path} that cannot be read.`);
      // By its own clock where it says so: its start is in that clock too.
      const atMs = Date.parse(String(answer.headers['date']));
      return succeed({ value: read.data, atMs: Number.isNaN(atMs) ? parts.now() : atMs });
    } catch (error) {
      return error instanceof Error && error.name === 'TimeoutError' ? fail('timeout', `${what} did not answer ${path} in time.`) : fail('unreachable', `${what} cannot be reached.`);
    }
  }

  return {
    async active() {
      const status = await get('/api/v2/status', statusAnswer);
      if (!status.ok) return status;
      const alerts = await get('/api/v2/alerts', alertsAnswer);
      if (!alerts.ok) return alerts;
      return succeed({
        // As the webhook reads them, or a group label would not be found again.
        alerts: new Map(alerts.value.value.map((alert) => [alert.fingerprint, redactLabels(alert.labels)])),
        uptimeMs: status.value.atMs - Date.parse(status.value.value.uptime),
      });
    },
  };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(status: number): FailureReason {
  if (status === 401) return 'unauthorised';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 429) return 'rateLimited';
  return status >= 500 ? 'unavailable' : 'unexpected';
}
