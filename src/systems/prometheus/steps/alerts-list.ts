import { defineRead, succeed, z } from '#step-kit/index.ts';
import { hasLabels, labelOf, newLabels } from '#kernel/labels.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { joinNotes, labelRecords } from '../reading.ts';
import { labelRecord, labelValues } from '../shared-shape.ts';
import { Prometheus } from '../system.ts';

const MOST = 500;

export const alertsList = defineRead({
  name: 'prometheus.alerts.list',
  summary: 'Lists the alerts that are pending or firing by Prometheus\'s own rules, before Alertmanager groups or silences them.',
  input: z.object({
    name: z.string().default('').describe('Only alerts of this name; empty: all.'),
    state: z.enum(['any', 'firing', 'pending']).default('any'),
    labels: labelValues.describe('Only alerts that have all of these labels.'),
    limit: z.int().min(1).max(MOST).default(100),
  }),
  output: z.object({
    items: z.array(
      z.object({
        name: z.string(),
        state: z.string().describe('`pending` or `firing`.'),
        firing: z.boolean(),
        severity: z.string(),
        labels: z.array(labelRecord),
        summary: z.string(),
        activeAt: z.string(),
        activeSeconds: z.int(),
        value: z.string().describe('As Prometheus writes it.'),
      }),
    ),
    total: z.int(),
    firing: z.int(),
    pending: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What fires besides',
      with: { state: 'firing' },
      output: {
        items: [{ name: 'CordumNATSDown', state: 'firing', firing: true, severity: 'critical', labels: [{ name: 'alertname', value: 'CordumNATSDown' }, { name: 'severity', value: 'critical' }], summary: 'NATS is down', activeAt: '2026-11-20T19:24:38.864Z', activeSeconds: 320, value: '0e+00' }],
        total: 1, firing: 1, pending: 0, truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await ctx.use(Prometheus).alerts({ signal: ctx.signal });
    if (!answer.ok) return answer;
    const wanted = newLabels();
    for (const { name, value } of input.labels) wanted[name] = value;
    const found = answer.value.data.filter((alert) => {
      const named = input.name === '' || labelOf(alert.labels, 'alertname') === input.name;
      return named && (input.state === 'any' || alert.state === input.state) && hasLabels(alert.labels, wanted);
    });
    const truncated = found.length > input.limit;
    return succeed({
      items: found.slice(0, input.limit).map((alert) => {
        const activeMs = Date.parse(alert.activeAt);
        return {
          name: labelOf(alert.labels, 'alertname') ?? '',
          state: alert.state,
          firing: alert.state === 'firing',
          severity: labelOf(alert.labels, 'severity') ?? '',
          labels: labelRecords(alert.labels),
          summary: cutText(redact(labelOf(alert.annotations, 'summary') ?? ''), 300),
          activeAt: alert.activeAt,
          activeSeconds: Number.isNaN(activeMs) ? 0 : Math.max(0, Math.floor((answer.value.atMs - activeMs) / 1_000)),
          value: alert.value,
        };
      }),
      total: found.length,
      firing: found.filter((alert) => alert.state === 'firing').length,
      pending: found.filter((alert) => alert.state === 'pending').length,
      truncated,
      note: joinNotes([...(truncated ? [`${found.length} alerts are there, ${input.limit} are shown.`] : []), ...answer.value.remarks]),
    });
  },
});
