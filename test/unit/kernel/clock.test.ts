import { describe, expect, test } from 'vitest';
import { deadlineOf, waitUntil } from '#kernel/clock.ts';
import { isId } from '#kernel/ids.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { createTestIds } from '../../kit/ids.ts';

describe('the virtual clock', () => {
  test('fires timers in order of time, and those of one moment in the order they were set', async () => {
    const clock = createVirtualClock(0);
    const fired: string[] = [];
    clock.schedule(20, () => fired.push(`c@${clock.now()}`));
    clock.schedule(10, () => fired.push(`a@${clock.now()}`));
    clock.schedule(10, () => fired.push(`b@${clock.now()}`));
    clock.schedule(31, () => fired.push('late'));
    await clock.advance(30);
    expect(fired).toEqual(['a@10', 'b@10', 'c@20']);
    expect(clock.now()).toBe(30);
    expect(clock.pending()).toBe(1);
  });

  test('lets code that a timer woke set the next timer within the same advance', async () => {
    const clock = createVirtualClock(0);
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let i = 0; i < 5; i += 1) {
        await waitUntil(clock, clock.now() + 100);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(clock.now());
      }
    };
    void loop();
    await clock.advance(450);
    expect(seen).toEqual([100, 200, 300, 400]);
  });

  test('a cancelled timer never fires, and time never goes back', async () => {
    const clock = createVirtualClock(1_000);
    let fired = false;
    clock.schedule(1_010, () => (fired = true))();
    await clock.advance(50);
    await clock.advanceTo(5);
    expect(fired).toBe(false);
    expect(clock.now()).toBe(1_050);
  });

  test('waiting ends early when its signal aborts, and leaves no timer behind', async () => {
    const clock = createVirtualClock(0);
    const abort = new AbortController();
    const wait = waitUntil(clock, 1_000, abort.signal);
    abort.abort();
    await wait;
    expect(clock.now()).toBe(0);
    expect(clock.pending()).toBe(0);
  });
});

test('ids of tests have the real form, differ, sort by age and are the same every time', async () => {
  const make = (): string[] => {
    const ids = createTestIds(createVirtualClock(0));
    return [ids.next('run'), ids.next('run'), ids.next('apr')];
  };
  const first = make();
  expect(first.every(isId)).toBe(true);
  expect(first).toEqual(make());
  expect(first.slice(0, 2).toSorted()).toEqual(first.slice(0, 2));
  expect(first[0]).not.toBe(first[1]);
});

describe('a deadline', () => {
  test('ends the call when its time is over, and says that it was the time, also to who gives up later', async () => {
    const clock = createVirtualClock(0);
    const asked = new AbortController();
    const deadline = deadlineOf(clock, 100, asked.signal);
    await clock.advance(99);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    asked.abort();
    expect([deadline.signal.aborted, deadline.timedOut(), deadline.cancelled()]).toEqual([true, true, false]);
  });

  test('ends the call when whoever asked has lost interest', () => {
    const asked = new AbortController();
    const deadline = deadlineOf(createVirtualClock(0), 100, asked.signal);
    asked.abort();
    expect([deadline.signal.aborted, deadline.timedOut(), deadline.cancelled()]).toEqual([true, false, true]);
  });

  test('that is stopped leaves no timer behind', async () => {
    const clock = createVirtualClock(0);
    const deadline = deadlineOf(clock, 100);
    deadline.stop();
    expect(clock.pending()).toBe(0);
    await clock.advance(200);
    expect(deadline.signal.aborted).toBe(false);
  });
});
