/** The newest end of each fingerprint that was asked for of late, as the journal has it. */
import type { Journal } from '#engine/ports.ts';
import { createRecent } from './recent.ts';
import { alertId, endSummary, type EndSummary } from './rows.ts';

const KNOWN_ENDS_MAX = 50_000;

export const NO_END: EndSummary = { staleBefore: Number.NEGATIVE_INFINITY, incident: null, version: 0 };

/** By fingerprint, of one target. */
export type Ends = ReadonlyMap<string, EndSummary>;

export interface KnownEnds {
  /** When all of them are in memory. */
  cached(target: string, fingerprints: readonly string[]): Ends | undefined;
  load(target: string, fingerprints: readonly string[]): Promise<Ends>;
  set(target: string, fingerprint: string, end: EndSummary): void;
  forget(target: string, fingerprint: string): void;
}

export function createKnownEnds(journal: Journal): KnownEnds {
  const ends = createRecent<EndSummary>(KNOWN_ENDS_MAX);
  const keyOf = (target: string, fingerprint: string): string => `${target}\n${fingerprint}`;

  async function read(target: string, fingerprint: string): Promise<EndSummary> {
    const row = await journal.find('alert', alertId(target, fingerprint));
    const known = row === undefined ? NO_END : endSummary.parse(row.summary);
    ends.set(keyOf(target, fingerprint), known);
    return known;
  }

  return {
    cached(target, fingerprints) {
      const out = new Map<string, EndSummary>();
      for (const fingerprint of fingerprints) {
        const known = ends.get(keyOf(target, fingerprint));
        if (known === undefined) return undefined;
        out.set(fingerprint, known);
      }
      return out;
    },
    async load(target, fingerprints) {
      const known = await Promise.all(fingerprints.map((fingerprint) => ends.get(keyOf(target, fingerprint)) ?? read(target, fingerprint)));
      return new Map(fingerprints.map((fingerprint, i) => [fingerprint, known[i] ?? NO_END]));
    },
    set: (target, fingerprint, end) => ends.set(keyOf(target, fingerprint), end),
    forget: (target, fingerprint) => ends.delete(keyOf(target, fingerprint)),
  };
}
