import { describe, expect, it } from 'vitest';
import type { IncidentView } from '#engine/model/views.ts';
import type { AlertFeed, RereadAnswer } from '#incidents/ports.ts';
import { fail, succeed } from '#kernel/failure.ts';
import { firing, notification, resolved } from '../../kit/alertmanager.ts';
import { apiOf, createFakeRuns, createIncidentRig, quiesce, type IncidentRig } from '../../kit/incidents.ts';

const START = Date.UTC(2026, 0, 1);
const at = (minutes: number): number => START + minutes * 60_000;

async function opened(options: Parameters<typeof createIncidentRig>[0] = {}, truncatedAlerts = 0): Promise<IncidentRig & { readonly id: string; view(): Promise<IncidentView | undefined> }> {
  const rig = createIncidentRig(options);
  await rig.incidents.start();
  await rig.clock.advanceTo(at(1));
  const { incidents } = await rig.incidents.receive(notification([firing('aa', at(0))], { truncatedAlerts }));
  await quiesce();
  const id = incidents[0] ?? '';
  return { ...rig, id, view: () => rig.incidents.view(id) };
}

function feedOf(answer: () => RereadAnswer): AlertFeed & { readonly reads: () => number } {
  let reads = 0;
  return {
    reads: () => reads,
    feeds: () => true,
    async reread() {
      reads += 1;
      return answer();
    },
  };
}

describe('an incident whose alert the bot itself feeds', () => {
  it('stays open while the bot cannot see, says so, and closes when it sees that it is over', async () => {
    let answer: RereadAnswer = { seen: false, because: 'Cordum does not answer' };
    const feed = feedOf(() => answer);
    const { view, incidents, clock, runs } = await opened({ feed });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await quiesce();
    expect(await view()).toMatchObject({ status: 'open', notes: ['It stays open: Alertmanager says resolved, but the bot cannot see whether it is over: Cordum does not answer.'] });
    await clock.advance(29_000);
    expect(feed.reads()).toBe(1);
    answer = { seen: true, stillHolds: true, say: 'the DLQ still holds 240 entries' };
    await clock.advance(2_000);
    expect(await view()).toMatchObject({ status: 'open', notes: ['It stays open: Alertmanager says resolved, but the DLQ still holds 240 entries.'] });
    expect(runs.told).toEqual([]);
    answer = { seen: true, stillHolds: false, say: 'the DLQ is empty' };
    await clock.advance(60_000);
    expect(await view()).toMatchObject({ status: 'closed', closedBy: 'bot', notes: [] });
    expect(runs.told.map(({ alert }) => alert.resolved)).toEqual([true]);
  });

  it('is looked at ever more rarely, but never less than every five minutes', async () => {
    const feed = feedOf(() => ({ seen: false, because: 'nothing answers' }));
    const { incidents, clock, view } = await opened({ feed });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await clock.advance(60 * 60_000);
    expect(feed.reads()).toBeGreaterThan(12);
    expect(feed.reads()).toBeLessThan(20);
    expect((await view())?.status).toBe('open');
  });

  it('fires again while it is held open, and is not closed by what was seen before', async () => {
    let release = (_answer: RereadAnswer): void => {};
    const feed: AlertFeed = { feeds: () => true, reread: () => new Promise((resolve) => (release = resolve)) };
    const { incidents, view } = await opened({ feed });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await quiesce();
    await incidents.receive(notification([firing('aa', at(3))]));
    await incidents.receive(notification([resolved('aa', at(3), at(4))]));
    release({ seen: true, stillHolds: false, say: 'the DLQ is empty' });
    await quiesce();
    expect(await view()).toMatchObject({ status: 'open' });
    release({ seen: true, stillHolds: false, say: 'the DLQ is empty' });
    await quiesce();
    expect(await view()).toMatchObject({ status: 'closed' });
  });
});

describe('an alert that fires again', () => {
  it('in an open incident starts no second run and tells the first one', async () => {
    const { incidents, runs, view, clock } = await opened({ feed: feedOf(() => ({ seen: false, because: 'nothing answers' })) });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await quiesce();
    await incidents.receive(notification([firing('aa', at(2))]));
    await clock.advance(1_000);
    expect(await view()).toMatchObject({ status: 'open', runs: ['run_1'], alerts: [{ status: 'firing' }] });
    expect((await view())?.notes).toEqual([expect.stringContaining('fired again')]);
    expect(runs.asked).toHaveLength(1);
    expect(runs.told.map(({ alert }) => alert.firing)).toEqual([true]);
  });

  it('is told to the run again after a failure, and at the latest when a person closes the incident', async () => {
    const runs = createFakeRuns();
    let deaf = true;
    const alertChanged: typeof runs.alertChanged = async (runId, alert) => {
      if (deaf) throw new Error('the journal is busy');
      return runs.alertChanged(runId, alert);
    };
    const { incidents, id, clock } = await opened({ feed: feedOf(() => ({ seen: false, because: 'nothing answers' })), runs: { ...runs, alertChanged } });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await incidents.receive(notification([firing('aa', at(2))]));
    await clock.advance(10_000);
    await expect(incidents.close('alice', id, 'enough')).rejects.toThrow('busy');
    deaf = false;
    expect(await incidents.close('alice', id, 'enough')).toMatchObject({ ok: true });
    expect(runs.told.map(({ alert }) => alert.firing)).toEqual([true]);
  });

  it('after its incident closed opens a new one, unless it had started before its last end', async () => {
    const { incidents, runs, id } = await opened();
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await quiesce();
    expect(await incidents.receive(notification([firing('aa', at(2) - 1)]))).toEqual({ accepted: 1, duplicates: 1, incidents: [id] });
    const again = await incidents.receive(notification([firing('aa', at(2))]));
    await quiesce();
    expect(again.duplicates).toBe(0);
    expect(again.incidents).not.toEqual([id]);
    expect(runs.asked).toHaveLength(2);
  });

  it('is not ended by a late copy of an earlier resolve', async () => {
    const { incidents, view } = await opened({ feed: feedOf(() => ({ seen: false, because: 'nothing answers' })) });
    const end = notification([resolved('aa', at(0), at(2))]);
    await incidents.receive(end);
    await incidents.receive(notification([firing('aa', at(2))]));
    expect(await incidents.receive(end)).toMatchObject({ duplicates: 1 });
    expect((await view())?.alerts[0]?.status).toBe('firing');
  });

  it('late, after an end that came before any firing, opens nothing', async () => {
    const { incidents } = createIncidentRig();
    expect(await incidents.receive(notification([resolved('aa', at(0), at(2))]))).toEqual({ accepted: 1, duplicates: 1, incidents: [] });
    expect(await incidents.receive(notification([firing('aa', at(1))]))).toEqual({ accepted: 1, duplicates: 1, incidents: [] });
    expect((await incidents.receive(notification([firing('aa', at(2))]))).incidents).toHaveLength(1);
  });
});

describe('a person who closes an incident', () => {
  it('ends its firing alerts: their repeats are stale, a later start is new', async () => {
    const { incidents, id, clock, runs } = await opened();
    await clock.advanceTo(at(5));
    expect(await incidents.close('alice', id, ' known, see ticket ')).toMatchObject({ ok: true, value: { status: 'closed', closedBy: 'alice', closedBecause: 'known, see ticket', closedAt: '2026-01-01T00:05:00.000Z' } });
    expect(await incidents.receive(notification([firing('aa', at(0))]))).toEqual({ accepted: 1, duplicates: 1, incidents: [id] });
    expect((await incidents.receive(notification([firing('aa', at(6))]))).duplicates).toBe(0);
    await quiesce();
    expect(runs.asked).toHaveLength(2);
  });

  it('needs a reason and an open incident', async () => {
    const { incidents, id } = await opened();
    expect(await incidents.close('alice', id, '  ')).toMatchObject({ ok: false, problem: { code: 'invalid', field: 'reason' } });
    expect(await incidents.close('alice', 'inc_nobody', 'x')).toMatchObject({ ok: false, problem: { code: 'not-found' } });
    const both = await Promise.all([incidents.close('alice', id, 'x'), incidents.close('bob', id, 'y')]);
    expect(both.map(({ ok }) => ok)).toEqual([true, false]);
    expect(both[1]).toMatchObject({ problem: { code: 'not-open' } });
  });
});

describe('a truncated notification', () => {
  it('keeps the incident open until a whole one of the group shows all resolved with an end that is news', async () => {
    const { incidents, view } = await opened({}, 7);
    await incidents.receive(notification([resolved('aa', at(0), at(2))], { truncatedAlerts: 7 }));
    await quiesce();
    expect(await view()).toMatchObject({ status: 'open', alerts: [{ status: 'resolved' }], notes: [expect.stringContaining('left 7 alerts')] });
    await incidents.receive(notification([resolved('aa', at(0), at(2))]));
    await quiesce();
    expect((await view())?.status).toBe('open');
    await incidents.receive(notification([resolved('bb', at(0), at(3))]));
    await quiesce();
    expect(await view()).toMatchObject({ status: 'closed', notes: [] });
  });

  it('can be closed by a person all the same', async () => {
    const { incidents, id } = await opened({}, 7);
    expect(await incidents.close('alice', id, 'looked at it')).toMatchObject({ ok: true });
  });
});

describe('a lost resolve', () => {
  it('is learnt from two looks a minute apart at an Alertmanager that has been up for long enough', async () => {
    const answer: { alerts: Record<string, Record<string, string>>; uptimeMs: number } = { alerts: {}, uptimeMs: 60_000 };
    const { clock, view, incidents } = await opened({ api: apiOf(() => answer) });
    await clock.advance(10 * 60_000);
    expect((await view())?.status).toBe('open');
    answer.uptimeMs = 3_600_000;
    await clock.advance(61_000);
    expect((await view())?.status).toBe('open');
    answer.alerts = { aa: { alertname: 'DiskFull' } };
    await clock.advance(60_000);
    answer.alerts = {};
    await clock.advance(61_000);
    expect((await view())?.status).toBe('open');
    await clock.advance(60_000);
    expect(await view()).toMatchObject({ status: 'closed', notes: [expect.stringContaining('taken as resolved')] });
    expect(await incidents.receive(notification([firing('aa', at(0))]))).toMatchObject({ duplicates: 1 });
    expect(await incidents.receive(notification([firing('aa', at(0) + 2)]))).toMatchObject({ duplicates: 0 });
  });

  it('is not inferred from an Alertmanager that cannot be asked', async () => {
    let up = true;
    const active = async () => (up ? succeed({ alerts: new Map(), uptimeMs: 3_600_000 }) : fail('unreachable', 'gone'));
    const { clock, view } = await opened({ api: { active } });
    await clock.advance(30_000);
    up = false;
    await clock.advance(10 * 60_000);
    expect((await view())?.status).toBe('open');
  });
});

describe('a resolve that claims an end in the far future', () => {
  it('does not make the next firing of its alert look stale', async () => {
    const { incidents, clock, view } = await opened();
    await incidents.receive(notification([resolved('aa', at(0), Date.UTC(9999, 11, 31))]));
    await quiesce();
    expect((await view())?.status).toBe('closed');
    await clock.advanceTo(at(20));
    const receipt = await incidents.receive(notification([firing('aa', at(19))]));
    expect(receipt).toMatchObject({ accepted: 1, duplicates: 0 });
  });
});
