/**
 * Webhook bodies that cannot be waved through: a recorded body of Alertmanager 0.28 with three alerts (1,974 bytes), in which group, fingerprints
 * and times change with every request.
 */
import { readFileSync } from 'node:fs';
import { WITH_RUNBOOK, WITHOUT_RUNBOOK } from './bot.ts';

const RECORDED = new URL('../../test/fixtures/alertmanager/am0.28-lifecycle-002-group_growing.json', import.meta.url);
/** Groups that a growing request chooses from. */
const GROUPS = 500;

export const MIXES = {
  /** Every second request: a group of three that nobody has seen, no runbook. The others: a known group of three, one of its alerts new. */
  storm: 'half new incidents without a runbook, half one new alert in an open incident',
  /** As above, but each new incident also starts a run. */
  runs: 'as before, and each new incident starts a run',
} as const;
export type Mix = keyof typeof MIXES;

interface Blanks {
  readonly alertname: string;
  readonly cluster: string;
  readonly fingerprints: readonly [string, string, string];
  /** ISO 8601. */
  readonly at: string;
}

export type MakeBody = (blanks: Blanks) => string;

/** The recorded body as a form to fill in. Its group has a label more (`cluster`), as `group_by: [alertname, cluster]` gives it. */
export function createForm(): MakeBody {
  const recording = JSON.parse(readFileSync(RECORDED, 'utf8')) as { readonly request: { readonly body_text: string } };
  const fingerprints = [...recording.request.body_text.matchAll(/"fingerprint":"([0-9a-f]+)"/g)].map((match) => match[1] ?? '');
  let text = recording.request.body_text
    .replaceAll('CordumDLQDepthHigh', '@alertname@')
    .replaceAll('"cluster":"lab"', '"cluster":"@cluster@"')
    .replace('"groupLabels":{', '"groupLabels":{"cluster":"@cluster@",')
    .replaceAll(/"startsAt":"[^"]+"/g, '"startsAt":"@at@"');
  for (const [i, fingerprint] of fingerprints.entries()) text = text.replace(fingerprint, `@${i}@`);
  const parts = text.split('@');
  return (blanks) => {
    const values: Readonly<Record<string, string>> = { alertname: blanks.alertname, cluster: blanks.cluster, at: blanks.at, 0: blanks.fingerprints[0], 1: blanks.fingerprints[1], 2: blanks.fingerprints[2] };
    let body = parts[0] ?? '';
    for (let i = 1; i < parts.length; i += 2) body += (values[parts[i] ?? ''] ?? '') + (parts[i + 1] ?? '');
    return body;
  };
}

/** The next body of a mix, for ever. `seed` keeps the bodies of two series apart. */
export function createBodies(mix: Mix, seed: string): () => string {
  const form = createForm();
  const alertname = mix === 'runs' ? WITH_RUNBOOK : WITHOUT_RUNBOOK;
  let made = 0;
  return () => {
    made += 1;
    const at = new Date().toISOString();
    const own = `${seed}${made.toString(16).padStart(10, '0')}`;
    if (made % 2 === 0) return form({ alertname, cluster: own, fingerprints: [`${own}a`, `${own}b`, `${own}c`], at });
    const group = `${seed}g${(made * 7) % GROUPS}`;
    return form({ alertname: WITHOUT_RUNBOOK, cluster: group, fingerprints: [`${group}a`, `${group}b`, `${own}d`], at });
  };
}
