import { describe, expect, it } from 'vitest';
import { createTurns } from '#surfaces/slack/turns.ts';

/** Work that ends when it is told to, and says when it began and ended. */
function workshop() {
  const said: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = (name: string) => async (): Promise<string> => {
    said.push(`${name} begins`);
    await new Promise<void>((resolve, reject) => ends.set(name, (error) => (error === undefined ? resolve() : reject(error))));
    said.push(`${name} ends`);
    return name;
  };
  return { said, work, end: (name: string, error?: Error) => ends.get(name)?.(error) };
}

describe('turns', () => {
  it('begin the next work of a key when the one before has ended, and of other keys at once', async () => {
    const { said, work, end } = workshop();
    const inTurn = createTurns();
    const first = inTurn('a', work('first'));
    const second = inTurn('a', work('second'));
    const other = inTurn('b', work('other'));
    await Promise.resolve();
    expect(said).toEqual(['first begins', 'other begins']);
    end('other');
    expect(await other).toBe('other');
    end('first');
    expect(await first).toBe('first');
    await Promise.resolve();
    end('second');
    expect(await second).toBe('second');
    expect(said).toEqual(['first begins', 'other begins', 'other ends', 'first ends', 'second begins', 'second ends']);
  });

  it('go on after work that failed, whose failure is told to its own caller only', async () => {
    const { work, end } = workshop();
    const inTurn = createTurns();
    const first = inTurn('a', work('first'));
    const second = inTurn('a', work('second'));
    await Promise.resolve();
    end('first', new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    end('second');
    expect(await second).toBe('second');
  });
});
