import { describe, expect, it } from 'vitest';
import type { Append, Appended, Journal } from '#engine/ports.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { firing, notification, resolved } from '../../kit/alertmanager.ts';
import { createVirtualClock, settle } from '../../kit/clock.ts';
import { createFakeRuns, createIncidentRig, quiesce } from '../../kit/incidents.ts';

const START = Date.UTC(2026, 0, 1);

/** A journal whose appends wait for the test, and end as it says. */
function heldJournal() {
  const inner = createMemoryJournal({ clock: createVirtualClock() });
  const held: { readonly append: Append; store(): Promise<void>; fail(): void }[] = [];
  const journal: Journal = {
    ...inner,
    append: (append) =>
      new Promise<Appended>((resolve, reject) => {
        held.push({ append, store: async () => resolve(await inner.append(append)), fail: () => reject(new Error('disk full')) });
      }),
  };
  return { journal, held };
}

async function state(promise: Promise<unknown>): Promise<'pending' | 'acked' | 'refused'> {
  const end = promise.then(() => 'acked' as const, () => 'refused' as const);
  await settle();
  return Promise.race([end, settle(1).then(() => 'pending' as const)]);
}

describe('an acknowledgement', () => {
  it('of a repeat waits for the append that it repeats', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal });
    const first = incidents.receive(notification([firing('aa', START)]));
    const repeat = incidents.receive(notification([firing('aa', START)]));
    expect([await state(first), await state(repeat), held.length]).toEqual(['pending', 'pending', 1]);
    await held[0]?.store();
    expect(await first).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(await repeat).toMatchObject({ accepted: 1, duplicates: 1, incidents: (await first).incidents });
    expect(held).toHaveLength(1);
  });

  it('of a repeat is not given when that append failed: it is decided again', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal });
    const first = incidents.receive(notification([firing('aa', START)]));
    const repeat = incidents.receive(notification([firing('aa', START)]));
    await settle();
    held[0]?.fail();
    expect(await state(first)).toBe('refused');
    expect([await state(repeat), held.length]).toEqual(['pending', 2]);
    await held[1]?.store();
    expect(await repeat).toMatchObject({ duplicates: 0 });
    expect((await incidents.list({})).items).toHaveLength(1);
  });

  it('is refused while the journal cannot store, and nothing of it stays in memory', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal });
    for (const attempt of [0, 1, 2]) {
      const refused = incidents.receive(notification([firing('aa', START)]));
      await settle();
      held[attempt]?.fail();
      expect(await state(refused)).toBe('refused');
    }
    expect((await incidents.list({})).items).toEqual([]);
  });

  it('of what came while the lane was storing is given after one common append', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal });
    const receipts = [0, 1, 2, 3, 4].map((n) => incidents.receive(notification([firing(`f${n}`, START)])));
    await settle();
    await held[0]?.store();
    await settle();
    expect(held.map(({ append }) => append.events.length)).toEqual([1, 4]);
    await held[1]?.store();
    expect((await Promise.all(receipts)).map(({ duplicates }) => duplicates)).toEqual([0, 0, 0, 0, 0]);
  });

  it('does not wait for other groups', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal });
    const slow = incidents.receive(notification([firing('aa', START)], { groupLabels: { pool: 'a' } }));
    const quick = incidents.receive(notification([firing('bb', START)], { groupLabels: { pool: 'b' } }));
    await settle();
    await held[1]?.store();
    expect([await state(slow), await state(quick)]).toEqual(['pending', 'acked']);
  });
});

describe('a notification of which only a part could be stored', () => {
  it('is refused, and its repeat adds only what is missing', async () => {
    const { journal, held } = heldJournal();
    const { incidents } = createIncidentRig({ journal, runbookFor: (labels) => labels['pool'] });
    const both = notification([firing('aa', START, { pool: 'a' }), firing('bb', START, { pool: 'b' })]);
    const first = incidents.receive(both);
    await settle();
    await held[0]?.store();
    held[1]?.fail();
    expect(await state(first)).toBe('refused');
    const repeat = incidents.receive(both);
    await settle();
    await held[2]?.store();
    expect(await repeat).toMatchObject({ accepted: 2, duplicates: 1 });
    expect((await incidents.list({})).items.map(({ runbook }) => String(runbook)).toSorted()).toEqual(['a', 'b']);
  });
});

describe('another writer of the same incident', () => {
  it('is noticed: its events are read and the notification is decided again on them', async () => {
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    const mine = createIncidentRig({ clock, journal });
    const theirs = createIncidentRig({ clock, journal });
    await mine.incidents.receive(notification([firing('aa', START)]));
    await theirs.incidents.receive(notification([firing('bb', START)]));
    expect(await mine.incidents.receive(notification([firing('bb', START), firing('cc', START)]))).toMatchObject({ duplicates: 1 });
    const { items } = await mine.incidents.list({});
    expect(items.map(({ alerts }) => alerts.map(({ fingerprint }) => fingerprint))).toEqual([['aa', 'bb', 'cc']]);
  });
});

describe('an incident', () => {
  it('belongs to the first target whose labels match, by own properties only', async () => {
    const targets = [
      { name: 'odd', match: JSON.parse('{"__proto__":"x"}') as Record<string, string> },
      { name: 'eu', match: { cluster: 'eu', tenant: 'a' } },
      { name: 'rest', match: { cluster: 'us' } },
    ];
    const { incidents } = createIncidentRig({ targets });
    const { incidents: ids } = await incidents.receive(
      notification([firing('aa', START, { cluster: 'eu', tenant: 'a' }), firing('bb', START, { cluster: 'us' }), firing('cc', START, { cluster: 'eu' }), firing('dd', START, JSON.parse('{"__proto__":"x"}') as Record<string, string>)]),
    );
    const views = await Promise.all(ids.map((id) => incidents.view(id)));
    expect(views.map((view) => [view?.target, view?.alerts[0]?.fingerprint])).toEqual([
      ['eu', 'aa'],
      ['rest', 'bb'],
      ['unmatched', 'cc'],
      ['odd', 'dd'],
    ]);
    expect(views[2]?.notes).toEqual(['No configured target matches the labels of this alert.']);
  });

  it('is opened for an alert that triggers no runbook, says so, and starts no run', async () => {
    const { incidents, runs } = createIncidentRig({ runbookFor: () => undefined });
    await incidents.start();
    const { incidents: ids } = await incidents.receive(notification([firing('aa', START)]));
    await quiesce();
    expect(await incidents.view(ids[0] ?? '')).toMatchObject({ status: 'open', runbook: null, notes: ['No runbook is triggered by this alert.'] });
    expect(runs.asked).toEqual([]);
    await incidents.receive(notification([resolved('aa', START, START + 1)]));
    await quiesce();
    expect((await incidents.view(ids[0] ?? ''))?.status).toBe('closed');
  });

  it('keeps its alerts when a reloaded runbook claims them: no second incident, and its resolve finds it', async () => {
    let runbook: string | undefined;
    const { incidents } = createIncidentRig({ runbookFor: () => runbook });
    await incidents.start();
    await incidents.receive(notification([firing('aa', START)]));
    runbook = 'new-one';
    expect(await incidents.receive(notification([firing('aa', START)]))).toMatchObject({ duplicates: 1 });
    await incidents.receive(notification([resolved('aa', START, START + 1)]));
    await quiesce();
    expect((await incidents.list({})).items.map(({ status }) => status)).toEqual(['closed']);
  });

  it('is one for each runbook and each set of group labels of a notification', async () => {
    const { incidents } = createIncidentRig({ runbookFor: (labels) => labels['pool'] });
    const alerts = [firing('aa', START, { pool: 'a' }), firing('bb', START, { pool: 'b' }), firing('cc', START, { pool: 'a' })];
    expect((await incidents.receive(notification(alerts))).incidents).toHaveLength(2);
    expect((await incidents.receive(notification(alerts, { groupLabels: {} }))).incidents).toHaveLength(2);
    expect((await incidents.list({})).items).toHaveLength(4);
  });

  it('decides a fingerprint that is named twice in one body in order', async () => {
    const { incidents } = createIncidentRig();
    await incidents.start();
    expect(await incidents.receive(notification([firing('aa', START), resolved('aa', START, START + 1)]))).toMatchObject({ accepted: 2, duplicates: 0 });
    await quiesce();
    expect((await incidents.list({})).items.map(({ status }) => status)).toEqual(['closed']);
  });

  it('is listed newest first, by status, in pages', async () => {
    const { incidents, clock } = createIncidentRig();
    await incidents.start();
    for (const pool of ['a', 'b', 'c']) {
      await incidents.receive(notification([firing(pool, START)], { groupLabels: { pool } }));
      await clock.advance(1_000);
    }
    await incidents.receive(notification([resolved('b', START, START + 1)], { groupLabels: { pool: 'b' } }));
    await quiesce();
    const first = await incidents.list({ status: 'open', limit: 1 });
    expect(first.items.map(({ alerts }) => alerts[0]?.fingerprint)).toEqual(['c']);
    const second = await incidents.list({ status: 'open', limit: 1, cursor: first.nextCursor ?? '' });
    expect([second.items.map(({ alerts }) => alerts[0]?.fingerprint), second.nextCursor]).toEqual([['a'], null]);
    expect((await incidents.list({ status: 'closed' })).items).toHaveLength(1);
  });

  it('has a title of one line, whatever its summary holds', async () => {
    const { incidents } = createIncidentRig();
    const alert = { ...firing('aa', START), annotations: { summary: `a\nb\u2028c\u001b[31m${'🔥'.repeat(300)}` } };
    const { incidents: ids } = await incidents.receive(notification([alert]));
    const title = (await incidents.view(ids[0] ?? ''))?.title ?? '';
    expect(title).toMatch(/^a b c \[31m🔥+… \(prod\)$/u);
    expect(title.isWellFormed()).toBe(true);
  });
});

describe('the run of an incident', () => {
  it('is started after the acknowledgement, and asked for again while it cannot be had', async () => {
    const runs = createFakeRuns();
    runs.refuse = true;
    const { incidents, clock } = createIncidentRig({ runs });
    const { incidents: ids } = await incidents.receive(notification([firing('aa', START)]));
    expect(runs.asked).toEqual([]);
    await incidents.start();
    await quiesce();
    expect((await incidents.view(ids[0] ?? ''))?.notes).toEqual(['The run could not be started: runbook dlq-overflow is not to be had now.']);
    runs.refuse = false;
    await clock.advance(31_000);
    expect(await incidents.view(ids[0] ?? '')).toMatchObject({ runs: ['run_1'], notes: [] });
    expect(runs.asked[1]).toMatchObject({ id: ids[0], target: 'prod', runbook: 'dlq-overflow', alert: { firing: true, resolved: false, startsAt: '2026-01-01T00:00:00.000Z' } });
    await incidents.stop();
  });

  it('is one of at most four that are being started at the same time', async () => {
    let now = 0;
    let most = 0;
    const runs = createFakeRuns();
    const ensureRun: typeof runs.ensureRun = async (incident) => {
      now += 1;
      most = Math.max(most, now);
      await settle(1);
      now -= 1;
      return `run_of_${incident.id}`;
    };
    const { incidents } = createIncidentRig({ runs: { ...runs, ensureRun } });
    await incidents.start();
    await Promise.all(Array.from({ length: 40 }, (_, n) => incidents.receive(notification([firing(`f${n}`, START)], { groupLabels: { n: String(n) } }))));
    await quiesce(80);
    expect(most).toBe(4);
    expect((await incidents.list({ limit: 200 })).items.map((one) => one.runs.length)).toEqual(Array.from({ length: 40 }, () => 1));
  });
});
