/** Every shipped runbook where nothing of the target can be reached: it says what to do all the same, calls nothing well, and blames nobody that it has not seen. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stepsByName } from '#app/catalogue.ts';
import type { JsonObject } from '#kernel/json.ts';
import { loadRunbook } from '#language/load.ts';
import type { Runbook } from '#language/runbook.ts';
import { freePort } from '../../kit/servers/port.ts';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';

/** They look at the configuration of the bot, which is there. */
const OF_THE_CONFIGURATION: ReadonlySet<string> = new Set(['certificate-rotation-check', 'restore-drill', 'backup-now']);
const FOLDER = new URL('../../../runbooks/', import.meta.url);
const STEPS = stepsByName();
const NAMES = readdirSync(FOLDER).flatMap((file) => (file.endsWith('.yaml') && !file.endsWith('.cases.yaml') ? [file.replace('.yaml', '')] : []));

function load(name: string): Runbook {
  const { runbook } = loadRunbook({ file: `runbooks/${name}.yaml`, text: readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8'), steps: STEPS });
  if (runbook === undefined) throw new Error(`${name} does not load`);
  return runbook;
}

async function silentTarget(): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'silent-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify({ 'current-context': 'c', clusters: [{ name: 'c', cluster: { server: url } }], users: [{ name: 'u', user: { token: 't' } }], contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }] }));
  return {
    cordum: { url, apiKey: 'key', tenant: 'default' },
    prometheus: { url },
    alertmanager: { url },
    redis: { url: `redis://127.0.0.1:${port}` },
    nats: { url: `nats://127.0.0.1:${port}`, monitorUrl: url },
    kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' },
    grpc: [{ name: 'safety-kernel', address: `127.0.0.1:${port}` }],
    http: { allow: [`127.0.0.1:${port}`] },
  };
}

/** Of runbooks that cannot be started without. */
const INPUTS: Readonly<Record<string, JsonObject>> = {
  'drain-and-restart': { pool: 'demo-mock-bank' },
  rollback: { services: ['scheduler'] },
  'rolling-upgrade': { tag: 'v0.9.8' },
  'scale-service': { service: 'scheduler', replicas: 2 },
};
/** What nobody can tell of a system that was not seen. */
const CLAIMS = /takes? no writes|not take writes|cannot be written|does not serve|looks well|as it should be|(?<!whe(?:re|ther) it )is (?:not (?:fit|well|healthy|stuck)|full|away|well|healthy|in order)/i;
const NOT_SEEN = /cannot be|could not be|cannot reach|cannot read|not seen|did not answer|does not answer|nothing listens|Nobody takes connections|No NATS server answers/;

/** Findings that hold whatever the steps have seen: of the inputs, and of the configuration. */
function restOnNothingSeen(book: Runbook, text: string): boolean {
  return book.findings.some((rule) => rule.if.steps.length === 0 && rule.say.steps.length === 0 && (rule.say.text === text || rule.say.text.includes('${{')));
}

describe('a target of which nothing can be reached', () => {
  it('is told by every shipped runbook as not seen, with a finding that says so, and nothing is called well, broken, or offered', { timeout: 180_000 }, async () => {
    const rig = await startRunbookRig(await silentTarget());
    const views = await Promise.all(NAMES.map((name) => rig.diagnose(name, INPUTS[name] ?? {})));
    const wrong: string[] = [];
    for (const view of views) {
      const book = load(view.runbook);
      const told = (what: string): void => void wrong.push(`${view.runbook}: ${what}`);
      if (view.findings.length === 0) told('has no finding');
      for (const { severity, say } of view.findings) {
        if (restOnNothingSeen(book, say)) continue;
        if (severity === 'info') told(`calls well what it has not seen: ${say}`);
        if (CLAIMS.test(say)) told(`claims what it has not seen: ${say}`);
        if (!NOT_SEEN.test(say) && !OF_THE_CONFIGURATION.has(view.runbook)) told(`does not say that it has not seen: ${say}`);
      }
      for (const { id, status } of view.offers) if (status !== 'skipped') told(`offers ${id}`);
      for (const { id, failure } of view.steps) if (/is a bug/.test(failure?.message ?? '')) told(`${id} broke`);
    }
    expect(wrong).toEqual([]);
    expect(views).toHaveLength(NAMES.length);
  });
});
