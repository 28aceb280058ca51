import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { revisionOf, withoutRevision, withRevision } from '#backups/restore/revision.ts';

const data = fc.jsonValue({ maxDepth: 3 });

describe('the revision of a document', () => {
  it('is found and raised at its top, whatever the document holds, and nothing else changes', () => {
    fc.assert(
      fc.property(data, fc.nat(1_000_000), fc.nat(1_000_000), fc.constantFrom(undefined, 1, 2), (inner, revision, least, indent) => {
        const text = JSON.stringify({ scope: 'system', data: { revision: 3, inner, text: '"revision": 9, {' }, revision, meta: [{ revision: 1 }] }, undefined, indent);
        expect(revisionOf(text)).toBe(revision);
        const raised = withRevision(text, least);
        expect(JSON.parse(raised)).toEqual({ ...(JSON.parse(text) as object), revision: Math.max(revision, least) });
        expect(withoutRevision(raised)).toBe(withoutRevision(text));
      }),
    );
  });

  it('is added where the document has none, and a text that is no document stays as it is', () => {
    expect(withRevision('{"data":{}}', 4)).toBe('{"data":{},"revision":4}');
    expect(withRevision('{ }', 4)).toBe('{ "revision":4}');
    for (const text of ['', 'null', '[1]', '{"revision":', 'revision: 3', '"{}"']) {
      expect(withRevision(text, 4)).toBe(text);
      expect(revisionOf(text)).toBe(-1);
    }
  });

  it('keeps numbers that JavaScript cannot hold', () => {
    expect(withRevision('{"data":{"n":9007199254740993.10},"revision":1}', 2)).toBe('{"data":{"n":9007199254740993.10},"revision":2}');
  });
});
