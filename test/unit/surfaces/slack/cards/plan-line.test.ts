import { describe, expect, it } from 'vitest';
import type { Json } from '#kernel/json.ts';
import { planLine } from '#surfaces/slack/cards/plan-line.ts';

const line = (title: string, current: Json, next: Json, max = 280): string => planLine({ title, current, next }, max);

describe('an item of a plan', () => {
  it.each<[Json, Json, string]>([
    ['DLQ', 'PENDING', 'job-1: DLQ → PENDING'],
    [3, 5, 'job-1: 3 → 5'],
    [null, true, 'job-1: null → true'],
    [{ status: 'DLQ' }, { status: 'PENDING' }, 'job-1: DLQ → PENDING'],
    [{ replicas: 3, image: 'a:1' }, { replicas: 5, image: 'a:1' }, 'job-1: replicas 3, image a:1 → replicas 5, image a:1'],
    [['a', 'b'], [], 'job-1: ["a","b"] → []'],
    [{}, { a: { b: 1 } }, 'job-1: – → {"b":1}'],
    ['', { reason: '', code: 'x' }, 'job-1: – → reason –, code x'],
  ])('reads %j → %j as text, not as JSON', (current, next, text) => {
    expect(line('job-1', current, next)).toBe(text);
  });

  it('does not say again what its title says', () => {
    expect(line('Retry job-1 (job.default, dispatch_failed)', { topic: 'job.default', reasonCode: 'dispatch_failed', attempts: 3 }, { action: 'a new job' })).toBe('Retry job-1 (job.default, dispatch_failed): attempts 3 → a new job');
    expect(line('job-1 on a', { job: 'job-1', on: 'a' }, 'gone')).toBe('job-1 on a: job job-1, on a → gone');
  });

  it('shows both values, however long the title and the values are, and fits its place', () => {
    const text = line('t'.repeat(5_000), { a: 'x'.repeat(5_000), b: 1 }, { a: 'y'.repeat(5_000), b: 2 });
    expect(text.length).toBeLessThanOrEqual(280);
    expect(text).toMatch(/^t+…: a x+… → a y+…$/);
  });

  it('keeps outside text inert', () => {
    expect(line('<!channel> job', { a: '<@U1>\u202e', b: '\n\n' }, '<http://x|y>')).toBe('‹!channel> job: a ‹@U1> , b → ‹http://x|y>');
  });
});
