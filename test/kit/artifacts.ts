/** Artifacts that are forgotten with the test. */
import { sha256 } from '#kernel/digest.ts';
import type { Artifacts } from '#engine/ports.ts';

export function createMemoryArtifacts(): Artifacts & { readonly texts: ReadonlyMap<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    async keep(text) {
      const id = `art_${sha256(text)}`;
      texts.set(id, text);
      return id;
    },
    read: async (id) => texts.get(id),
  };
}
