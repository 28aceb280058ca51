import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Artifacts } from '#engine/ports.ts';

export interface ArtifactsHarness {
  readonly artifacts: Artifacts;
  cleanUp(): Promise<void>;
}

/** What the engine and the operations may rely on, wherever artifacts are kept. */
export function describeArtifacts(name: string, makeHarness: () => Promise<ArtifactsHarness>): void {
  describe(`${name} as artifacts`, () => {
    let harness: ArtifactsHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.cleanUp());

    test('give back what they were given, to the last character', async () => {
      const text = JSON.stringify({ log: 'Zeile\n\u0000 "é" 𝄞 ', list: [1, null] });
      const id = await harness.artifacts.keep(text);
      expect(await harness.artifacts.read(id)).toBe(text);
    });

    test('name the same text the same way, and another one otherwise', async () => {
      const [a, again, b] = [await harness.artifacts.keep('{"a":1}'), await harness.artifacts.keep('{"a":1}'), await harness.artifacts.keep('{"b":1}')];
      expect(a).toMatch(/^art_[0-9a-f]{64}$/);
      expect(again).toBe(a);
      expect(b).not.toBe(a);
      expect(await harness.artifacts.read(a)).toBe('{"a":1}');
    });

    test('have nothing under a name that they did not give', async () => {
      expect(await harness.artifacts.read(`art_${'0'.repeat(64)}`)).toBeUndefined();
      for (const id of ['', 'art_', '../journal', `art_${'0'.repeat(64)}/../x`]) expect(await harness.artifacts.read(id)).toBeUndefined();
    });
  });
}
