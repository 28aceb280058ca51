import { describe, expect, it } from 'vitest';
import { defaultInputs, fillIn, formOf, type FormField } from '#language/form.ts';
import type { InputField } from '#language/runbook.ts';

function field(more: Partial<FormField>): FormField {
  return { name: 'it', type: 'string', title: 'It', required: false, default: null, options: null, ...more };
}

describe('a form that is filled in', () => {
  it.each<[FormField['type'], unknown, unknown]>([
    ['string', 'a b', 'a b'],
    ['int', 5, 5],
    ['int', '5', 5],
    ['double', '0.5', 0.5],
    ['bool', 'true', true],
    ['bool', false, false],
    ['list', ['a', 'b', 'a'], ['a', 'b']],
    ['list', ' a, b,,', ['a', 'b']],
  ])('takes for %s the value %j as %j', (type, given, value) => {
    expect(fillIn([field({ type })], { it: given as never })).toEqual({ ok: true, inputs: { it: value } });
  });

  it.each<[FormField['type'], unknown, string]>([
    ['string', 5, '"It" must be text of at most 10000 characters'],
    ['string', 'x'.repeat(10_001), '"It" must be text of at most 10000 characters'],
    ['int', 1.5, '"It" must be a whole number'],
    ['int', ' ', '"It" must be a whole number'],
    ['int', 2 ** 53, '"It" must be a whole number'],
    ['double', 'NaN', '"It" must be a number'],
    ['double', 'Infinity', '"It" must be a number'],
    ['bool', 'yes', '"It" must be true or false'],
    ['bool', 1, '"It" must be true or false'],
    ['list', [1], '"It" must be a list of texts'],
    ['list', Array.from({ length: 10_001 }, String), '"It" must be a list of texts'],
  ])('refuses for %s the value %j', (type, given, message) => {
    expect(fillIn([field({ type })], { it: given as never })).toEqual({ ok: false, field: 'it', message });
  });

  it('takes the default for what is left out, null or empty, and leaves out what has none', () => {
    const fields = [field({ default: 'usual' }), field({ name: 'other' })];
    for (const given of [{}, { it: null, other: null }, { it: '', other: '' }]) expect(fillIn(fields, given)).toEqual({ ok: true, inputs: { it: 'usual' } });
  });

  it('names the input that is not there, also one that every object inherits', () => {
    expect(fillIn([field({})], { toString: 'x' })).toEqual({ ok: false, field: 'toString', message: 'there is no input "toString"; the inputs are: it' });
    expect(fillIn([field({ name: 'constructor' })], {})).toEqual({ ok: true, inputs: {} });
  });

  it('asks for what is required: a value, and of a list at least one', () => {
    expect(fillIn([field({ required: true })], {})).toMatchObject({ ok: false, message: '"It" is required' });
    expect(fillIn([field({ required: true, type: 'list' })], { it: [] })).toMatchObject({ ok: false, message: '"It" needs at least one choice' });
  });

  it('keeps to the choices, and without any nothing can be chosen', () => {
    expect(fillIn([field({ options: ['a', 'b'] })], { it: 'c' })).toMatchObject({ ok: false, message: '"c" is not one of the choices of "It"' });
    expect(fillIn([field({ options: ['a', 'b'], type: 'list' })], { it: ['a', 'z'] })).toMatchObject({ ok: false, message: '"z" is not one of the choices of "It"' });
    expect(fillIn([field({ options: [] })], { it: 'a' }).ok).toBe(false);
  });

  it('keeps no secret, unless it is one of the choices', () => {
    const secret = 'password=hunter2hunter2';
    expect(fillIn([field({})], { it: secret })).toMatchObject({ ok: false, message: expect.stringContaining('looks like it holds a secret') as string });
    expect(fillIn([field({ options: [secret] })], { it: secret }).ok).toBe(true);
  });
});

describe('a form', () => {
  const declared: InputField = { name: 'jobs', type: 'list', title: 'Jobs', required: true };
  const asking = (value: unknown): InputField => ({ ...declared, options: { text: '', steps: [], evaluate: () => (value === undefined ? { ok: false, because: 'cannot tell' } : { ok: true, value: value as never }) } });

  it('shows choices that are written out, computed, or none when they cannot be told', () => {
    expect(formOf([declared, { ...declared, default: ['x'], options: ['a'] }, asking(['a', 1]), asking(undefined)], {}).map(({ options, default: usual }) => [options, usual])).toEqual([
      [null, null],
      [['a'], ['x']],
      [['a'], null],
      [[], null],
    ]);
  });

  it('that nobody fills in has its defaults', () => {
    expect(defaultInputs([declared, { ...declared, name: 'depth', type: 'int', default: 0 }])).toEqual({ depth: 0 });
  });
});
