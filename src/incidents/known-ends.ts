/**
 * The newest end of each fingerprint that was asked for of late, as the journal has it; and which alerts have ever ended, so that one that
 * never did need not be looked up: in a storm nearly every alert is new. Right only while the journal has no other writer.
 */
import type { Journal } from '#engine/ports.ts';
import { createRecent } from './recent.ts';
import { alertId, endSummary, type EndSummary } from './rows.ts';

const KNOWN_ENDS_MAX = 50_000;
/** Alerts that have ended. Beyond this many the journal is asked for each. */
const ENDED_MAX = 50_000;
const PAGE = 200;

export const NO_END: EndSummary = { staleBefore: Number.NEGATIVE_INFINITY, incident: null, version: 0 };

/** By fingerprint, of one target. */
export type Ends = ReadonlyMap<string, EndSummary>;

export interface KnownEnds {
  /** Reads through the journal once which alerts have ended. Until then each is asked for. */
  survey(): Promise<void>;
  /** When all of them are in memory. */
  cached(target: string, fingerprints: readonly string[]): Ends | undefined;
  load(target: string, fingerprints: readonly string[]): Promise<Ends>;
  set(target: string, fingerprint: string, end: EndSummary): void;
  forget(target: string, fingerprint: string): void;
}

export function createKnownEnds(journal: Journal): KnownEnds {
  const ends = createRecent<EndSummary>(KNOWN_ENDS_MAX);
  const keyOf = (target: string, fingerprint: string): string => `${target}\n${fingerprint}`;
  let ended: Set<string> | undefined;
  let found: Set<string> | undefined;

  function noteEnded(id: string): void {
    // What ends behind the survey's back would be missed by it.
    found?.add(id);
    ended?.add(id);
    if (ended !== undefined && ended.size > ENDED_MAX) ended = undefined;
  }

  function inMemory(target: string, fingerprint: string): EndSummary | undefined {
    const known = ends.get(keyOf(target, fingerprint));
    if (known !== undefined || ended === undefined) return known;
    return ended.size === 0 || !ended.has(alertId(target, fingerprint)) ? NO_END : undefined;
  }

  async function read(target: string, fingerprint: string): Promise<EndSummary> {
    const row = await journal.find('alert', alertId(target, fingerprint));
    const known = row === undefined ? NO_END : endSummary.parse(row.summary);
    ends.set(keyOf(target, fingerprint), known);
    return known;
  }

  return {
    async survey() {
      found = new Set();
      let before: string | undefined;
      for (;;) {
        const rows = await journal.query({ kind: 'alert', limit: PAGE, ...(before === undefined ? {} : { before }) });
        for (const { id } of rows) found.add(id);
        before = rows.at(-1)?.id;
        if (rows.length < PAGE || found.size > ENDED_MAX) break;
      }
      ended = found.size > ENDED_MAX ? undefined : found;
      found = undefined;
    },
    cached(target, fingerprints) {
      const out = new Map<string, EndSummary>();
      for (const fingerprint of fingerprints) {
        const known = inMemory(target, fingerprint);
        if (known === undefined) return undefined;
        out.set(fingerprint, known);
      }
      return out;
    },
    async load(target, fingerprints) {
      const known = await Promise.all(fingerprints.map(async (fingerprint) => inMemory(target, fingerprint) ?? read(target, fingerprint)));
      return new Map(fingerprints.map((fingerprint, i) => [fingerprint, known[i] ?? NO_END]));
    },
    set(target, fingerprint, end) {
      noteEnded(alertId(target, fingerprint));
      ends.set(keyOf(target, fingerprint), end);
    },
    forget(target, fingerprint) {
      noteEnded(alertId(target, fingerprint));
      ends.delete(keyOf(target, fingerprint));
    },
  };
}
