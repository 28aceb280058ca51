import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { performBackup } from '#app/backup-parts.ts';
import { performDrill } from '#app/drill-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { fillNats, testFolder } from '../../kit/drills/backups.ts';
import { startNats } from '../../kit/servers/nats.ts';

const DIGEST = /"(contentSha256|sealsSha256)": "[0-9a-f]{64}"/g;
const signal = new AbortController().signal;

/** What the drill says of the content of each stream. */
async function contents(directory: string): Promise<readonly string[]> {
  const limits = { maxAgeMs: 7_200_000, rpoMs: 3_600_000, rtoMs: 900_000, tolerance: 0.5 };
  const outcome = await performDrill('20261121T060000Z-test-000000', { store: 'nats', directory, choice: { kind: 'latest' }, limits, temp: await testFolder('temp') }, { clock: systemClock, signal });
  return outcome.checks.filter(({ name }) => name.startsWith('nats.content.')).map(({ status }) => status);
}

it('takes the content of a stream for what was backed up by the checksums of its messages, else message by message, and else not', async () => {
  const nats = await startNats();
  await fillNats(nats);
  const directory = await testFolder('backups');
  const taken = await performBackup({ store: 'nats', directory, live: { url: new Secret(`nats://${nats.address}`) }, tlsFiles: undefined, streams: undefined, temp: await testFolder('temp') }, { clock: systemClock, signal, onStep: () => undefined });
  expect(taken.ok).toBe(true);
  const manifest = join(directory, (await readdir(directory)).find((name) => name.endsWith('.manifest.json')) ?? '');
  const text = await readFile(manifest, 'utf8');
  expect(text.match(DIGEST)).toHaveLength(4);

  expect(await contents(directory)).toEqual(['passed', 'passed']);
  const wrong = `"${'0'.repeat(64)}"`;
  await writeFile(manifest, text.replace(/"sealsSha256": "[0-9a-f]{64}"/g, `"sealsSha256": ${wrong}`));
  expect(await contents(directory)).toEqual(['passed', 'passed']);
  await writeFile(manifest, text.replace(DIGEST, (_, name: string) => `"${name}": ${wrong}`));
  expect(await contents(directory)).toEqual(['failed', 'failed']);
}, 60_000);
