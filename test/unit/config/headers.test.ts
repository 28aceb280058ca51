import { describe, expect, test } from 'vitest';
import { loadConfig } from '#config/load.ts';

function problems(section: string): readonly string[] {
  const loaded = loadConfig({
    configPath: 'bot.yaml',
    env: {},
    cwd: '/etc/bot',
    readFile: (path) => ({ ok: true, text: path.endsWith('bot.yaml') ? `targets: [{ name: prod, ${section} }]` : 's3cr3t one\ntwo', worldReadable: false }),
  });
  return loaded.ok ? [] : loaded.problems;
}

describe('what goes out in a header', () => {
  test.each([
    ['cordum: { url: "http://h", apiKey: "s3cr3t key" }', 'cordum.apiKey'],
    ['cordum: { url: "http://h", apiKey: "s3cr3tü" }', 'cordum.apiKey'],
    ['cordum: { url: "http://h", apiKeyFile: key }', 'cordum.apiKeyFile'],
    ['cordum: { url: "http://h", apiKey: key, tenant: "a b" }', 'cordum.tenant'],
    [String.raw`prometheus: { url: "http://h", bearerToken: "s3cr3t\nx" }`, 'prometheus.bearerToken'],
    ['alertmanager: { url: "http://h", bearerTokenFile: token }', 'alertmanager.bearerTokenFile'],
  ])('%s is refused before anything starts, without a word of it', (section, key) => {
    expect(problems(section)).toEqual([expect.stringContaining(`${key}: expected letters, digits and signs of ASCII alone`)]);
    expect(problems(section).join()).not.toContain('s3cr3t');
  });
});
