import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readPublicKey } from '#drills/evidence/keys.ts';
import { verifyBundle, type Verified } from '#drills/evidence/verify.ts';
import { writeEvidence, type Evidence } from '#drills/evidence/write.ts';
import type { DrillOutcome } from '#drills/run.ts';
import { systemClock } from '#kernel/clock.ts';
import { canonicalJson } from '#kernel/digest.ts';
import type { JsonObject } from '#kernel/json.ts';
import { drillOutcome } from '../../kit/drills/outcome.ts';

const CONTEXT = { tool: { name: 'cordum-runbook-bot', version: '0.1.0' }, runtime: { node: 'v26', platform: 'linux-x64' }, requestedBy: 'alice', approvals: [{ by: 'bob', at: '2026-11-20T10:00:00.000Z', reason: 'quarterly' }] };

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'evidence-'));
  folders.push(made);
  return made;
}

const idOf = (n: number): string => `2026112${n}T060005Z-redis-aaaaaa`;

async function write(directory: string, n = 1, more: Partial<DrillOutcome> = {}, key = join(directory, 'signing-key.pem')): Promise<Evidence> {
  const written = await writeEvidence(drillOutcome({ id: idOf(n), ...more }), CONTEXT, { directory, key, clock: systemClock });
  if (!written.ok) throw new Error(written.failure.message);
  return written.value;
}

const wrong = ({ checks }: Verified): string[] => checks.filter(({ status }) => status === 'failed').map(({ name }) => name);
const keyOf = (directory: string) => [createPublicKey(readFileSync(join(directory, 'signing-key.pub.pem')))];

describe('evidence', () => {
  it('is valid as it was written, with and without the public key', async () => {
    const directory = folder();
    const { bundle, keyId } = await write(directory);
    const own = await verifyBundle(bundle, []);
    expect(own).toMatchObject({ status: 'valid', id: idOf(1), keyId, links: 1, drill: 'redis passed' });
    expect(own.checks.find(({ name }) => name === 'bundle.key')?.status).toBe('warning');
    const given = await verifyBundle(bundle, keyOf(directory));
    expect(given.checks.every(({ status }) => status === 'passed')).toBe(true);
  });

  it('that is a folder, or is not there, is told apart', async () => {
    const directory = folder();
    expect((await verifyBundle(directory, [])).checks[0]?.detail).toContain('it is a directory; name the bundle in it');
    expect((await verifyBundle(join(directory, 'no.json'), [])).checks[0]?.detail).toBe('no.json cannot be read: there is no such file.');
  });

  it('holds what an auditor asks for', async () => {
    const { bundle } = await write(folder());
    const read = JSON.parse(readFileSync(bundle, 'utf8')) as JsonObject;
    expect(read).toMatchObject({
      version: 1,
      kind: 'cordum-runbook-bot/drill',
      sequence: 1,
      previous: null,
      drill: { store: 'redis', status: 'passed', requestedBy: 'alice', choice: { kind: 'latest' } },
      backup: { set: 'redis-20261121T060000Z', ageSeconds: 5, files: [{ sha256: 'ab'.repeat(32) }] },
      versions: { tool: { version: '0.1.0' }, runtime: { node: 'v26' }, servers: [{ version: '7.0.15' }] },
      isolation: { live: { identity: ['live-run-id'], connections: { opened: 2, closed: 2 } }, liveReadEndedAt: '2026-11-21T06:00:05.100Z', sandboxStartedAt: '2026-11-21T06:00:05.200Z' },
      counts: { passed: 4, skipped: 1, failed: 0, warning: 0 },
      rpo: { seconds: 12, objectiveSeconds: 3_600 },
      rto: { seconds: 2.5, phasesMs: { restore: 1_000 } },
      deviations: ['redis.canary.present skipped: No canary was planted before the backup.'],
      approvals: [{ by: 'bob' }],
      teardown: { directoryGone: true, left: [] },
    });
    expect((read['controls'] as JsonObject[]).map(({ framework, control, status }) => [framework, control, status])).toEqual([
      ['SOC 2', 'A1.3', 'passed'],
      ['SOC 2', 'CC7.5', 'passed'],
      ['ISO/IEC 27001:2022', 'A.8.13', 'passed'],
    ]);
  });

  it('shows any byte that was changed, in the bundle, its signature and its reports', { timeout: 120_000 }, async () => {
    const directory = folder();
    const { bundle, reports } = await write(directory);
    const [markdown = '', html = ''] = reports;
    for (const [file, stride] of [[bundle, 5], [`${bundle}.sig`, 1], [markdown, 97], [html, 499]] as const) {
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at += stride) {
        const changed = Buffer.from(whole);
        // Bit 5 makes a small letter of a capital one, which hexadecimal digits and base64 might forgive.
        changed[at] = (changed[at] ?? 0) ^ (at % 2 === 0 ? 0x20 : 0x01);
        writeFileSync(file, changed);
        expect((await verifyBundle(bundle, [])).status, `${basename(file)} at ${at}`).toBe('invalid');
      }
      writeFileSync(file, whole);
    }
    expect((await verifyBundle(bundle, [])).status).toBe('valid');
  });

  it('shows what was added or cut off', async () => {
    const { bundle } = await write(folder());
    for (const file of [bundle, `${bundle}.sig`]) {
      const whole = readFileSync(file);
      for (const changed of [Buffer.concat([whole, Buffer.from('\n')]), Buffer.concat([whole, Buffer.from(' ')]), whole.subarray(0, -1), whole.subarray(0, 10), Buffer.alloc(0)]) {
        writeFileSync(file, changed);
        expect((await verifyBundle(bundle, [])).status).toBe('invalid');
      }
      rmSync(file);
      expect((await verifyBundle(bundle, [])).status).toBe('invalid');
      writeFileSync(file, whole);
    }
  });

  it('says which part was changed, and where it is no longer in its form', async () => {
    const { bundle } = await write(folder());
    const text = readFileSync(bundle, 'utf8');
    const read = JSON.parse(text) as JsonObject;
    writeFileSync(bundle, `${canonicalJson({ ...read, rpo: { ...(read['rpo'] as JsonObject), seconds: 3 } })}\n`);
    const changed = await verifyBundle(bundle, []);
    expect(wrong(changed)).toEqual(['bundle.parts', 'bundle.signature']);
    expect(changed.checks.find(({ name }) => name === 'bundle.parts')?.detail).toBe('Changed since it was signed: rpo.');
    writeFileSync(bundle, text.replace('"approvals":', '"approvals": '));
    expect((await verifyBundle(bundle, [])).checks[0]?.detail).toBe(`${basename(bundle)} is not in its canonical form at byte ${text.indexOf('"approvals":') + '"approvals":'.length}.`);
  });

  it('is not valid when another key has signed it than the one that is given', async () => {
    const directory = folder();
    const { bundle } = await write(directory);
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(wrong(await verifyBundle(bundle, [publicKey]))).toEqual(['bundle.key']);
    expect((await verifyBundle(bundle, [publicKey, ...keyOf(directory)])).status).toBe('valid');
  });

  it('without its reports is valid, and says that they are not here', async () => {
    const { bundle, reports } = await write(folder());
    for (const report of reports) rmSync(report);
    const verified = await verifyBundle(bundle, []);
    expect(verified.status).toBe('valid');
    expect(verified.checks.find(({ name }) => name === 'bundle.reports')).toMatchObject({ status: 'warning' });
  });
});

describe('the chain', () => {
  it('goes back to the first drill, and is verified with each', async () => {
    const directory = folder();
    for (const n of [1, 2]) await write(directory, n);
    const { bundle, sequence } = await write(directory, 3);
    expect(sequence).toBe(3);
    expect(await verifyBundle(bundle, keyOf(directory))).toMatchObject({ status: 'valid', links: 3 });
  });

  it.for<[what: string, change: (directory: string, files: readonly string[]) => void, check: string]>([
    ['an older bundle was changed', (_, [, second = '']) => writeFileSync(second, readFileSync(second, 'utf8').replace('"alice"', '"mallory"')), 'bundle.signature'],
    ['the signature of an older one was changed', (_, [, second = '']) => writeFileSync(`${second}.sig`, readFileSync(`${second}.sig`, 'latin1').replace(/.\n$/, (end) => (end === '0\n' ? '1\n' : '0\n'))), 'bundle.signature'],
    ['one was taken out', (_, [, second = '']) => rmSync(second), 'chain.missing'],
    ['one was put in the place of another', (_, [first = '', second = '']) => copyFileSync(first, second), 'chain.digest'],
  ])('is broken when %s', async ([, change, check]) => {
    const directory = folder();
    const files = [];
    for (const n of [1, 2, 3]) files.push((await write(directory, n)).bundle);
    change(directory, files);
    expect(wrong(await verifyBundle(files[2] ?? '', []))).toContain(check);
  });

  it('is broken when an older bundle was written anew, also with a valid signature', async () => {
    const [directory, forge] = [folder(), folder()];
    const { bundle: first } = await write(directory, 1, { status: 'failed' });
    const { bundle: second } = await write(directory, 2);
    const forged = await write(forge, 1, { status: 'passed' }, join(directory, 'signing-key.pem'));
    for (const ending of ['', '.sig']) copyFileSync(forged.bundle + ending, first + ending);
    expect(wrong(await verifyBundle(second, keyOf(directory)))).toContain('chain.digest');
  });

  it('is broken when the key changes, unless both keys are given', async () => {
    const directory = folder();
    await write(directory, 1);
    const { bundle } = await write(directory, 2, {}, join(directory, 'other.pem'));
    expect(wrong(await verifyBundle(bundle, []))).toEqual(['chain.key']);
    const keys = ['signing-key.pub.pem', 'other.pub.pem'].map((name) => createPublicKey(readFileSync(join(directory, name))));
    expect((await verifyBundle(bundle, keys)).status).toBe('valid');
  });

  it('is checked as far as it is here when a bundle was handed on by itself', async () => {
    const [directory, away] = [folder(), folder()];
    await write(directory, 1);
    const { bundle } = await write(directory, 2);
    for (const ending of ['', '.sig']) copyFileSync(bundle + ending, join(away, basename(bundle)) + ending);
    const verified = await verifyBundle(join(away, basename(bundle)), []);
    expect(verified).toMatchObject({ status: 'valid', links: 1 });
    expect(verified.checks.find(({ name }) => name === 'chain.missing')).toMatchObject({ status: 'warning' });
  });

  it('stays one chain when drills end at the same moment', async () => {
    const directory = folder();
    const written = await Promise.all([1, 2, 3, 4, 5].map((n) => write(directory, n)));
    expect(new Set(written.map(({ sequence }) => sequence))).toEqual(new Set([1, 2, 3, 4, 5]));
    const last = written.find(({ sequence }) => sequence === 5);
    expect(await verifyBundle(last?.bundle ?? '', [])).toMatchObject({ status: 'valid', links: 5 });
    expect(readdirSync(directory).filter((name) => name.endsWith('.half') || name.endsWith('.lock'))).toEqual([]);
  });

  it('says that a bundle was renamed, and is not led out of its directory by names', async () => {
    const directory = folder();
    const { bundle } = await write(directory);
    const renamed = join(directory, 'evidence.json');
    renameSync(bundle, renamed);
    renameSync(`${bundle}.sig`, `${renamed}.sig`);
    const verified = await verifyBundle(renamed, []);
    expect(verified.checks.find(({ name }) => name === 'bundle.name')?.status).toBe('warning');
    const read = JSON.parse(readFileSync(renamed, 'utf8')) as JsonObject;
    writeFileSync(renamed, `${canonicalJson({ ...read, previous: { id: '../../etc/passwd', sha256: 'ab'.repeat(32) } })}\n`);
    expect(wrong(await verifyBundle(renamed, []))).toContain('bundle.form');
  });
});

describe('the key', () => {
  it('is made on first use, for its owner only, with its public half beside it, and used again', async () => {
    const directory = folder();
    const key = join(directory, 'keys', 'drill.pem');
    const first = await write(directory, 1, {}, key);
    const second = await write(directory, 2, {}, key);
    expect([first.keyIsNew, second.keyIsNew]).toEqual([true, false]);
    expect(second.keyId).toBe(first.keyId);
    expect((statSync(key).mode & 0o777).toString(8)).toBe('600');
    expect(readPublicKey(readFileSync(join(directory, 'keys', 'drill.pub.pem'), 'utf8'))?.type).toBe('public');
    expect(readdirSync(directory).map((name) => readFileIfFile(join(directory, name))).join('')).not.toContain('PRIVATE KEY');
  });

  it('is refused when others can read it, when it is of another kind, and when it is none', async () => {
    const directory = folder();
    const key = join(directory, 'key.pem');
    const refused = async (): Promise<string> => {
      const written = await writeEvidence(drillOutcome(), CONTEXT, { directory: join(directory, 'out'), key, clock: systemClock });
      return written.ok ? 'written' : written.failure.message;
    };
    writeFileSync(key, 'no key', { mode: 0o600 });
    expect(await refused()).toMatch(/^The key .* cannot be used/);
    writeFileSync(key, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(await refused()).toContain('evidence is signed with Ed25519');
    writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
    chmodSync(key, 0o644);
    expect(await refused()).toContain('can be read by others');
    chmodSync(key, 0o600);
    expect(await refused()).toBe('written');
  });
});

function readFileIfFile(path: string): string {
  return statSync(path).isFile() ? readFileSync(path, 'utf8') : '';
}

describe('evidence that cannot be written', () => {
  it('says where and why', async () => {
    const directory = folder();
    writeFileSync(join(directory, 'file'), '');
    const written = await writeEvidence(drillOutcome(), CONTEXT, { directory: join(directory, 'file', 'below'), key: join(directory, 'key.pem'), clock: systemClock });
    expect(written).toMatchObject({ ok: false, failure: { reason: 'unavailable', message: expect.stringMatching(/cannot be written to .*file\/below: (?:ENOTDIR|EEXIST)\./) as string } });
  });
});

describe('the reports', () => {
  const HOSTILE = `<script>alert(1)</script> | [x](https://evil.example) "q" 'a' & \u202Ereversed\u0000 \n# title ![p](http://e/x.png)`;
  const hostile: Partial<DrillOutcome> = { checks: [{ name: 'nats.archive.EVIL', status: 'failed', detail: HOSTILE }], directory: HOSTILE, servers: [{ program: 'redis-server', id: HOSTILE, version: HOSTILE, address: HOSTILE }] };

  it('show every check, phase and control', async () => {
    const { reports } = await write(folder());
    for (const file of reports) {
      const text = readFileSync(file, 'utf8');
      for (const word of ['redis.backup.found', 'redis.canary.present', 'A1.3', 'CC7.5', 'A.8.13', 'bob', 'quarterly', 'live-run-id', 'restore', 'ab'.repeat(32)]) expect(text, word).toContain(word);
    }
  });

  it('as HTML load nothing, run nothing, and show what came from outside as text', async () => {
    const { reports } = await write(folder(), 1, hostile);
    const html = readFileSync(reports[1] ?? '', 'utf8');
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toMatch(/<script|<img|<link|<iframe|\bsrc=|\bhref=|url\((?!#)|@import|\u202E|\u0000/);
    expect([...html.matchAll(/<svg[\s>]/g)]).toHaveLength(4);
    const tags = [...html.matchAll(/<([a-z]+)/g)].map(([, tag]) => tag);
    expect([...new Set(tags)].filter((tag) => !['html', 'head', 'meta', 'title', 'style', 'body', 'section', 'p', 'span', 'figure', 'figcaption', 'div', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'h', 'svg', 'g', 'path', 'rect', 'text', 'circle', 'defs', 'clip'].includes(tag ?? ''))).toEqual([]);
  });

  it('as Markdown keep what came from outside in its cell', async () => {
    const { reports } = await write(folder(), 1, hostile);
    const markdown = readFileSync(reports[0] ?? '', 'utf8');
    expect(markdown).not.toMatch(/<script|(?<!\\)\]\(|https?:\/\/|^# title/m);
    const rows = markdown.split('\n').filter((line) => line.startsWith('| nats.archive.EVIL |'));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.match(/(?<!\\)\|/g)).toHaveLength(4);
  });

  it('draw a trend over the drills of the same store', async () => {
    const directory = folder();
    await write(directory, 1, { rtoSeconds: 11 });
    await write(directory, 2, { store: 'nats', rtoSeconds: 22 });
    const { reports } = await write(directory, 3, { rtoSeconds: 33, rpoSeconds: null, backup: null, status: 'failed' });
    const table = readFileSync(reports[0] ?? '', 'utf8').split('## Over the drills')[1]?.split('##')[0] ?? '';
    expect(table).toContain(`| ${idOf(1)} | passed | 11 | 12 | 4096 |`);
    expect(table).toContain(`| ${idOf(3)} | failed | 33 | – | – |`);
    expect(table).not.toContain('| 22 |');
  });
});

describe('a directory of evidence', () => {
  it('may hold other things, which are left alone', async () => {
    const directory = folder();
    mkdirSync(join(directory, 'drill-20261119T060005Z-redis-aaaaaa.json'));
    writeFileSync(join(directory, 'drill-20261120T060005Z-redis-aaaaaa.json'), '{}');
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    const { bundle, sequence } = await write(directory);
    expect(sequence).toBe(1);
    expect((await verifyBundle(bundle, [])).status).toBe('valid');
    expect(readFileSync(join(directory, 'notes.txt'), 'utf8')).toBe('mine');
  });
});
