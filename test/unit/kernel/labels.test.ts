import { describe, expect, it } from 'vitest';
import { hasLabels, inertLabels, isLabels, labelOf, newLabels } from '#kernel/labels.ts';

describe('labels', () => {
  it('are maps of strings, whatever their names', () => {
    expect([{}, { a: 'x' }, JSON.parse('{"__proto__":"x"}')].map(isLabels)).toEqual([true, true, true]);
    expect([null, undefined, 'a', ['a'], { a: 1 }, JSON.parse('{"__proto__":1}')].map(isLabels)).toEqual([false, false, false, false, false, false]);
  });

  it('have only what was put in, and keep a name that objects inherit', () => {
    expect(labelOf({}, 'constructor')).toBeUndefined();
    const inert = inertLabels(JSON.parse('{"__proto__":"x","a":"b"}') as Record<string, string>);
    expect([inert['__proto__'], inert['a'], inert['toString']]).toEqual(['x', 'b', undefined]);
    expect(inertLabels(inert)).toBe(inert);
    expect('constructor' in newLabels()).toBe(false);
  });

  it('hold of a wish when every wanted one is there with that value', () => {
    expect(hasLabels({ a: 'x', b: 'y' }, { a: 'x' })).toBe(true);
    expect(hasLabels({ a: 'x' }, { a: 'y' })).toBe(false);
    expect(hasLabels({}, { toString: 'x' })).toBe(false);
    expect(hasLabels({}, {})).toBe(true);
  });
});
