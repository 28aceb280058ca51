import { defineRead, succeed, z } from '#step-kit/index.ts';
import { parseDuration } from '#kernel/duration.ts';
import { labelOf } from '#kernel/labels.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import { joinNotes } from '../reading.ts';
import type { TargetData } from '../schema.ts';
import { Prometheus } from '../system.ts';

const MOST = 500;
const LATE_INTERVALS = 3;
const INTERVAL_BY_DEFAULT_MS = 60_000;

const target = z.object({
  job: z.string(),
  instance: z.string(),
  up: z.boolean(),
  health: z.string().describe('`up`, `down` or `unknown` (not scraped yet).'),
  late: z.boolean().describe('Not scraped for three intervals.'),
  lastError: z.string(),
  lastScrape: z.string(),
  ageSeconds: z.int(),
});

export const targetsList = defineRead({
  name: 'prometheus.targets.list',
  summary: 'Lists what Prometheus scrapes, what it cannot scrape and why, and which expected jobs it does not scrape at all.',
  input: z.object({
    job: z.string().default('').describe('Only this scrape job; empty: all.'),
    expected: z.array(z.string().min(1)).max(100).default([]).describe('Jobs that should be there; `missing` says which are not.'),
    limit: z.int().min(1).max(MOST).default(200),
  }),
  output: z.object({
    healthy: z.boolean().describe('There are targets, all are up, and no job is missing.'),
    items: z.array(target).describe('Those that are down come first.'),
    jobs: z.array(z.object({ job: z.string(), total: z.int(), up: z.int(), down: z.int(), allUp: z.boolean() })),
    missing: z.array(z.object({ job: z.string() })),
    total: z.int(),
    up: z.int(),
    down: z.int().describe('Not up: down, late or never scraped.'),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Is Cordum scraped',
      with: { expected: ['cordum-api-gateway'] },
      output: {
        healthy: false,
        items: [{ job: 'cordum-api-gateway', instance: 'cordum-api-gateway:9092', up: false, health: 'down', late: false, lastError: 'connection refused', lastScrape: '2026-11-20T19:24:38.864Z', ageSeconds: 12 }],
        jobs: [{ job: 'cordum-api-gateway', total: 1, up: 0, down: 1, allUp: false }],
        missing: [], total: 1, up: 0, down: 1, truncated: false, note: '', say: '0 of 1 target is up.',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await ctx.use(Prometheus).targets({ signal: ctx.signal });
    if (!answer.ok) return answer;
    const all = answer.value.data.map((one) => recordOf(one, answer.value.atMs)).filter(({ job }) => input.job === '' || job === input.job);
    const sorted = all.toSorted((a, b) => Number(a.up) - Number(b.up) || a.job.localeCompare(b.job) || a.instance.localeCompare(b.instance));
    const names = [...new Set(all.map(({ job }) => job))].toSorted();
    const jobs = names.map((job) => {
      const its = all.filter((one) => one.job === job);
      const up = its.filter((one) => one.up).length;
      return { job, total: its.length, up, down: its.length - up, allUp: up === its.length };
    });
    const missing = [...new Set(input.expected)].filter((job) => !names.includes(job)).map((job) => ({ job }));
    const up = all.filter((one) => one.up).length;
    const truncated = all.length > input.limit;
    const absent = missing.length === 0 ? '' : ` Not scraped at all: ${cutText(missing.map(({ job }) => job).join(', '), 200)}.`;
    return succeed({
      healthy: all.length > 0 && up === all.length && missing.length === 0,
      items: sorted.slice(0, input.limit),
      jobs,
      missing,
      total: all.length,
      up,
      down: all.length - up,
      truncated,
      note: joinNotes([...(truncated ? [`${all.length} targets are there, ${input.limit} are shown.`] : []), ...answer.value.remarks]),
      say: all.length === 0 ? `Prometheus scrapes no such target.${absent}` : `${up} of ${all.length} target${all.length === 1 ? ' is' : 's are'} up.${absent}`,
    });
  },
});

function recordOf(one: TargetData, nowMs: number): z.output<typeof target> {
  const scrapedMs = Date.parse(one.lastScrape);
  // Of a target that was never scraped Prometheus gives the year 1.
  const known = !Number.isNaN(scrapedMs) && scrapedMs > 0;
  const ageMs = known ? Math.max(0, nowMs - scrapedMs) : 0;
  const late = known && ageMs > LATE_INTERVALS * (parseDuration(one.scrapeInterval) ?? INTERVAL_BY_DEFAULT_MS);
  return {
    job: labelOf(one.labels, 'job') ?? one.scrapePool,
    instance: redact(labelOf(one.labels, 'instance') ?? ''),
    up: one.health === 'up' && !late,
    health: one.health,
    late,
    lastError: cutText(redact(one.lastError), 500),
    lastScrape: known ? one.lastScrape : '',
    ageSeconds: Math.floor(ageMs / 1_000),
  };
}
