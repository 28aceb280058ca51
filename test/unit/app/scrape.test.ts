import { describe, expect, it } from 'vitest';
import { scrapeOf } from '#app/scrape.ts';
import type { IndexEntry, Journal } from '#engine/ports.ts';
import { createMetrics } from '#telemetry/metrics.ts';
import { drillView } from '../../kit/views.ts';
import { createVirtualClock } from '../../kit/clock.ts';

const entry = (kind: 'run' | 'approval', id: string, status: string): IndexEntry => ({ kind, id, stream: 's', open: true, key: status, summary: { status } });
const OPEN = [entry('run', 'run_1', 'unknown'), entry('run', 'run_2', 'waiting'), entry('approval', 'apr_1', 'pending'), entry('approval', 'apr_2', 'redeemed')];

function journalOf(probe: () => Promise<{ writable: boolean }>): Journal {
  const query: Journal['query'] = (by) => Promise.resolve(OPEN.filter(({ kind, key }) => kind === by.kind && (by.key === undefined || by.key === key)));
  return { probe, query } as unknown as Journal;
}

async function scraped(probe: () => Promise<{ writable: boolean }>): Promise<string> {
  return scrapeOf({ metrics: createMetrics({ process: false }), journal: journalOf(probe), clock: createVirtualClock(), firstLook: { seen: true } }).text();
}

describe('a scrape', () => {
  it('says what waits for people now, and that the journal can be written', async () => {
    const text = await scraped(() => Promise.resolve({ writable: true }));
    expect(text).toMatch(/^runbook_bot_approvals_pending 1$/m);
    expect(text).toMatch(/^runbook_bot_runs_unknown 1$/m);
    expect(text).toMatch(/^runbook_bot_journal_writable 1$/m);
  });

  it.each([
    ['cannot be written', () => Promise.resolve({ writable: false })],
    ['cannot even be asked', () => Promise.reject(new Error('disk I/O error'))],
  ])('is answered, and says so, when the journal %s', async (_how, probe) => {
    expect(await scraped(probe)).toMatch(/^runbook_bot_journal_writable 0$/m);
  });

  it('says of each drill when its worst store last passed, and 0 while one never has', async () => {
    const [store] = drillView().stores;
    const drills = [drillView(), drillView({ name: 'all', stores: [store!, { ...store!, store: 'nats', lastPassedAt: '2026-11-01T00:00:00.000Z' }] }), drillView({ name: 'half', stores: [store!, { ...store!, store: 'nats', lastPassedAt: null }] })];
    const text = await scrapeOf({ metrics: createMetrics({ process: false }), journal: journalOf(() => Promise.resolve({ writable: true })), clock: createVirtualClock(), firstLook: { seen: true }, drills: () => Promise.resolve(drills) }).text();
    expect(text.split('\n').filter((line) => line.startsWith('runbook_bot_drill_last'))).toEqual([
      `runbook_bot_drill_last_passed_timestamp_seconds{drill="redis-quarterly"} ${Date.parse('2026-11-20T06:30:00Z') / 1_000}`,
      `runbook_bot_drill_last_passed_timestamp_seconds{drill="all"} ${Date.parse('2026-11-01T00:00:00Z') / 1_000}`,
      'runbook_bot_drill_last_passed_timestamp_seconds{drill="half"} 0',
    ]);
  });

  it('right after the start waits for the first look of the exporter, but not for ever', async () => {
    const clock = createVirtualClock();
    const waiting = scrapeOf({ metrics: createMetrics({ process: false }), journal: journalOf(() => Promise.resolve({ writable: true })), clock, firstLook: { seen: false } }).text();
    expect(await Promise.race([waiting, clock.advance(4_000).then(() => 'still waiting')])).toBe('still waiting');
    await clock.advance(2_000);
    expect(await waiting).toContain('runbook_bot_journal_writable 1');
  });

  it('shows the failures of the webhook from the beginning, so that the first one is an increase', async () => {
    expect(await scraped(() => Promise.resolve({ writable: true }))).toContain('runbook_bot_http_requests_total{method="POST",route="/webhooks/alertmanager",status="503"} 0');
  });
});
