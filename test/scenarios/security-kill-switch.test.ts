import { describe, expect, test } from 'vitest';
import { createKillSwitch, type KillSwitch } from '#engine/runtime/kill-switch.ts';
import type { Journal } from '#engine/ports.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { createVirtualClock } from '../kit/clock.ts';

const clock = createVirtualClock();

async function armed(journal: Journal): Promise<KillSwitch> {
  const killSwitch = createKillSwitch({ journal, clock });
  await killSwitch.load();
  return killSwitch;
}

describe('a stop at the same moment as a re-arm', () => {
  test.each([['the stop first', true], ['the re-arm first', false]])('holds, whoever came first: %s', async (_name, stopFirst) => {
    const journal = createMemoryJournal({ clock });
    const killSwitch = await armed(journal);
    await killSwitch.set('ann', true, 'one');
    const seen: boolean[] = [];
    const stop = (): Promise<unknown> => killSwitch.set('ben', true, 'again');
    const rearm = (): Promise<unknown> => killSwitch.set('dora', false, 'go');
    const both = stopFirst ? [stop(), rearm()] : [rearm(), stop()];
    killSwitch.onSwitch(({ on }) => seen.push(on));
    await Promise.all(both);
    expect(killSwitch.state().on).toBe(true);
    // Not for a moment either: an effect that looks just then must not go out.
    expect(seen).not.toContain(false);
    expect((await armed(journal)).state()).toMatchObject({ on: true, by: 'ben' });
  });

  test('holds although only the re-arm could be stored', async () => {
    const memory = createMemoryJournal({ clock });
    const full = { ...memory, append: (append: Parameters<Journal['append']>[0]) => (append.events[0]?.actor === 'ben' ? Promise.reject(new Error('the disk is full')) : memory.append(append)) };
    const killSwitch = await armed(full);
    await killSwitch.set('ann', true, 'one');
    const results = await Promise.allSettled([killSwitch.set('dora', false, 'go'), killSwitch.set('ben', true, 'again')]);
    expect(results[1]?.status).toBe('rejected');
    expect(killSwitch.state().on).toBe(true);
    expect(await killSwitch.set('dora', false, 'seen')).toMatchObject({ on: false, by: 'dora' });
  });

  test('is over once it is seen: then a re-arm works', async () => {
    const killSwitch = await armed(createMemoryJournal({ clock }));
    await Promise.all([killSwitch.set('ann', true, 'one'), killSwitch.set('ben', true, 'two')]);
    expect(await killSwitch.set('dora', false, 'go')).toMatchObject({ on: false, by: 'dora' });
    expect(killSwitch.state().on).toBe(false);
  });
});
