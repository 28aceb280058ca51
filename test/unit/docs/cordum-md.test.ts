import { describe, expect, it } from 'vitest';
import { tableRows } from '../../kit/markdown.ts';

const ROWS = tableRows('cordum.md').filter((row) => /^[A-Z][A-Za-z ]+: /.test(row[0] ?? ''));

describe('docs/cordum.md', () => {
  it('keeps the rows of each topic together', () => {
    const order = ROWS.map(([seed = '']) => seed.split(':')[0] ?? '').filter((topic, i, all) => topic !== all[i - 1]);
    expect(order.length).toBeGreaterThan(15);
    expect(order.filter((topic, i) => order.indexOf(topic) !== i)).toEqual([]);
  });

  it('says in each row what is really so and what the bot does, and nothing twice', () => {
    expect(ROWS.length).toBeGreaterThan(60);
    expect(ROWS.filter((row) => row.length !== 3 || row.some((cell) => cell === ''))).toEqual([]);
    const claims = ROWS.map(([seed]) => seed);
    expect(claims.filter((claim, i) => claims.indexOf(claim) !== i)).toEqual([]);
  });
});
