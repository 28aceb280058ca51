import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createTargets, SYSTEM_NAMES } from '#app/targets.ts';
import type { Config } from '#config/config.ts';
import { loadConfig } from '#config/load.ts';
import { defineSystem } from '#step-kit/index.ts';
import { createVirtualClock } from '../../kit/clock.ts';

const EVERYTHING = `targets:
  - name: all
    match: { cluster: all }
    cordum: { url: "http://cordum:8081", apiKey: ck_1 }
    prometheus: { url: "http://prometheus:9090" }
    alertmanager: { url: "http://alertmanager:9093" }
    redis: { url: "redis://redis:6379" }
    nats: { url: "nats://nats:4222", monitorUrl: "http://nats:8222" }
    kubernetes: { namespace: cordum, kubeconfig: /nowhere }
    grpc: [{ name: safety-kernel, address: "safety-kernel:50051" }]
    http: { allow: [status.example.com] }
    backups: /backups
  - { name: bare }
`;

function config(): Config {
  const loaded = loadConfig({ configPath: '/bot.yaml', env: {}, cwd: '/', readFile: () => ({ ok: true, text: EVERYTHING, worldReadable: false }) });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

/** The names of the tokens as they stand in the folders of the systems. */
const TOKENS = globSync('src/systems/*/system.ts').map((file) => /defineSystem<\w+>\('([a-z]+)'\)/.exec(readFileSync(file, 'utf8'))?.[1] ?? file);

describe('the clients of a target', () => {
  test('are there for every token that a step can ask for', () => {
    expect(TOKENS.filter((name) => !SYSTEM_NAMES.includes(name))).toEqual([]);
    const targets = createTargets(config(), createVirtualClock());
    expect(SYSTEM_NAMES.filter((name) => targets.client('all', defineSystem(name)) === undefined)).toEqual([]);
  });

  test('are made once, and are those of their own target', async () => {
    const targets = createTargets(config(), createVirtualClock());
    const redis = defineSystem<object>('redis');
    expect(targets.client('all', redis)).toBe(targets.client('all', redis));
    expect(targets.cordum('all')).toBe(targets.client('all', defineSystem('cordum')));
    // Drills need no live system: those that compare with none may be run on any target.
    expect(SYSTEM_NAMES.filter((name) => targets.client('bare', defineSystem(name)) !== undefined)).toEqual(['drill']);
    expect(targets.client('nobody', redis)).toBeUndefined();
    expect(targets.alertmanagers.active('bare')).toBeUndefined();
    await targets.close();
  });

  test('are none for a name that is no system, whatever it is', () => {
    const targets = createTargets(config(), createVirtualClock());
    for (const name of ['vault', 'toString', '__proto__', 'constructor']) expect(targets.client('all', defineSystem(name))).toBeUndefined();
  });

  test('close without having been used', async () => {
    const targets = createTargets(config(), createVirtualClock());
    for (const name of SYSTEM_NAMES) targets.client('all', defineSystem(name));
    await expect(targets.close()).resolves.toBeUndefined();
  });
});
