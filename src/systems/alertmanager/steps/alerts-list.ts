import { defineRead, succeed, z } from '#step-kit/index.ts';
import { labelOf } from '#kernel/labels.ts';
import { redact, redactLabels } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { LABEL_NAME } from '../silences.ts';
import { Alertmanager } from '../system.ts';

const MOST = 500;

export const alertsList = defineRead({
  name: 'alertmanager.alerts.list',
  summary: 'Lists the alerts that Alertmanager holds for firing, silenced and inhibited ones as well.',
  input: z.object({
    matchers: z
      .array(z.object({ name: z.string().max(200).regex(LABEL_NAME, 'expected the name of a label'), value: z.string().max(1_000), equal: z.boolean().default(true) }))
      .max(20)
      .default([])
      .describe('Only alerts whose labels are (or with `equal: false` are not) these.'),
    limit: z.int().min(1).max(MOST).default(100),
  }),
  output: z.object({
    items: z.array(
      z.object({
        fingerprint: z.string(),
        name: z.string(),
        severity: z.string(),
        state: z.string().describe('`active`, `suppressed` (silenced or inhibited) or `unprocessed`.'),
        silenced: z.boolean(),
        inhibited: z.boolean(),
        silencedBy: z.array(z.object({ id: z.string() })),
        labels: z.array(z.object({ name: z.string(), value: z.string() })),
        summary: z.string(),
        startsAt: z.string(),
        activeSeconds: z.int(),
      }),
    ),
    total: z.int(),
    silenced: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What else fires',
      with: { matchers: [{ name: 'alertname', value: 'CordumDLQDepthHigh', equal: false }] },
      output: {
        items: [{ fingerprint: '1ccb0e7f9f1b0f4e', name: 'CordumNATSDown', severity: 'critical', state: 'active', silenced: false, inhibited: false, silencedBy: [], labels: [{ name: 'alertname', value: 'CordumNATSDown' }], summary: 'NATS is down', startsAt: '2026-11-20T19:24:38.864Z', activeSeconds: 60 }],
        total: 1, silenced: 0, truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await ctx.use(Alertmanager).alerts({ signal: ctx.signal });
    if (!answer.ok) return answer;
    const found = answer.value.value.filter(({ labels }) => input.matchers.every(({ name, value, equal }) => ((labelOf(labels, name) ?? '') === value) === equal));
    const truncated = found.length > input.limit;
    return succeed({
      items: found.slice(0, input.limit).map(({ fingerprint, labels, annotations, startsAt, status }) => {
        const clean = redactLabels(labels);
        const startedMs = Date.parse(startsAt);
        return {
          fingerprint,
          name: labelOf(clean, 'alertname') ?? '',
          severity: labelOf(clean, 'severity') ?? '',
          state: status?.state ?? '',
          silenced: (status?.silencedBy.length ?? 0) > 0,
          inhibited: (status?.inhibitedBy.length ?? 0) > 0,
          silencedBy: (status?.silencedBy ?? []).slice(0, 20).map((id) => ({ id })),
          labels: Object.keys(clean).toSorted().map((name) => ({ name, value: cutText(clean[name] ?? '', 500) })),
          summary: cutText(redact(labelOf(annotations ?? {}, 'summary') ?? ''), 300),
          startsAt,
          activeSeconds: Number.isNaN(startedMs) ? 0 : Math.max(0, Math.floor((answer.value.atMs - startedMs) / 1_000)),
        };
      }),
      total: found.length,
      silenced: found.filter(({ status }) => (status?.silencedBy.length ?? 0) > 0).length,
      truncated,
      note: truncated ? `${found.length} alerts are there, ${input.limit} are shown.` : '',
    });
  },
});
