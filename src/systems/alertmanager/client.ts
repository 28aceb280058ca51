/** Alertmanager's API v2: what it holds for firing, since when it runs, and its silences. */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { Labels } from '#kernel/labels.ts';
import { redactLabels } from '#kernel/redact.ts';
import { alertsAnswer, createdAnswer, nothing, silenceAnswer, silencesAnswer, statusAnswer, type AlertData, type Matcher, type SilenceData, type StatusData } from './schema.ts';
import { type Answer, type Call, createTransport, type TransportParts } from './transport.ts';

/** Of a silence: the only text that goes into a path. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface NewSilence {
  readonly matchers: readonly Matcher[];
  readonly startsAt: string;
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
}

export interface AlertmanagerClient {
  /** Everything that fires, also what is silenced or inhibited: a silence hides a problem, it does not end it. */
  active(): Promise<Result<{ readonly alerts: ReadonlyMap<string, Labels>; readonly uptimeMs: number }>>;
  status(call: Call): Promise<Result<Answer<StatusData>>>;
  alerts(call: Call): Promise<Result<Answer<readonly AlertData[]>>>;
  silences(call: Call): Promise<Result<Answer<readonly SilenceData[]>>>;
  silence(id: string, call: Call): Promise<Result<Answer<SilenceData>>>;
  createSilence(silence: NewSilence, call: Call): Promise<Result<{ readonly id: string }>>;
  /** Also of one that has expired already: Alertmanager answers the same (recording silence_delete_twice). */
  expireSilence(id: string, call: Call): Promise<Result<void>>;
  close(): Promise<void>;
}

export function createAlertmanagerClient(parts: TransportParts): AlertmanagerClient {
  const transport = createTransport(parts);
  return {
    async active() {
      const status = await transport.send({ path: '/api/v2/status' }, statusAnswer);
      if (!status.ok) return status;
      const alerts = await transport.send({ path: '/api/v2/alerts' }, alertsAnswer);
      if (!alerts.ok) return alerts;
      return succeed({
        // As the webhook reads them, or a group label would not be found again.
        alerts: new Map(alerts.value.value.map((alert) => [alert.fingerprint, redactLabels(alert.labels)])),
        // By its own clock where it says so: its start is in that clock too.
        uptimeMs: status.value.atMs - Date.parse(status.value.value.uptime),
      });
    },
    status: (call) => transport.send({ ...call, path: '/api/v2/status' }, statusAnswer),
    alerts: (call) => transport.send({ ...call, path: '/api/v2/alerts' }, alertsAnswer),
    silences: (call) => transport.send({ ...call, path: '/api/v2/silences' }, silencesAnswer),
    async silence(id, call) {
      if (!UUID.test(id)) return fail('invalid', 'That is not the id of a silence.');
      return transport.send({ ...call, path: `/api/v2/silence/${id}` }, silenceAnswer);
    },
    async createSilence(silence, call) {
      const created = await transport.send({ ...call, method: 'POST', path: '/api/v2/silences', body: silence }, createdAnswer);
      return created.ok ? succeed({ id: created.value.value.silenceID }) : created;
    },
    async expireSilence(id, call) {
      if (!UUID.test(id)) return fail('invalid', 'That is not the id of a silence.', 'no');
      const expired = await transport.send({ ...call, method: 'DELETE', path: `/api/v2/silence/${id}` }, nothing);
      return expired.ok ? succeed(undefined) : expired;
    },
    close: () => transport.close(),
  };
}
