import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readBounded } from '#kernel/body.ts';

describe('the body of an answer', () => {
  it('is read whole up to its limit, with characters that stand across two chunks', async () => {
    const [first, second] = [Buffer.from('grü').subarray(0, 3), Buffer.from('grü!').subarray(3)];
    expect(await readBounded(Readable.from([first, second]), 5)).toBe('grü!');
  });

  it('is dropped over its limit, and what sends it is stopped there', async () => {
    let sent = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          sent += 1;
          yield Buffer.alloc(1_000);
        }
      })(),
    );
    expect(await readBounded(endless, 10_000)).toBeUndefined();
    expect(endless.destroyed).toBe(true);
    expect(sent).toBeLessThan(1_000);
  });

  it('that breaks off is no body', async () => {
    const broken = new Readable({ read: () => {} });
    broken.push('half');
    broken.destroy(new Error('cut'));
    await expect(readBounded(broken, 100)).rejects.toThrow('cut');
  });
});
