import { readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { describe, expect, it } from 'vitest';
import { manifestShape } from '#backups/manifest.ts';
import { fillNats, testFolder } from '../../kit/drills/backups.ts';
import { runCommand, runHere, type CommandRan } from '../../kit/drills/command.ts';
import { freePort } from '../../kit/servers/port.ts';
import { startNats } from '../../kit/servers/nats.ts';

const take = (url: string, out: string, ...more: readonly string[]): Promise<CommandRan> => runHere(['backup', 'take', 'nats', '--url', url, '--out', out, '--json', ...more]);

describe('a backup of JetStream', () => {
  it('holds the streams of Cordum as natscli lays them out, with a digest of every message, and says which others there are', async () => {
    const out = await testFolder('take-nats');
    const nats = await startNats({ auth: { username: 'cordum', password: 'pw-71a' } });
    const login = { user: 'cordum', pass: 'pw-71a' };
    const nc = await nats.client(login);
    const jsm = await nc.jetstreamManager();
    for (const [name, subject] of [['CORDUM_SYS', 'sys.>'], ['CORDUM_JOBS', 'job.>'], ['CORDUM_AUDIT', 'audit.>'], ['ORDERS', 'orders.>']] as const) {
      await jsm.streams.add({ name, subjects: [subject] });
      for (let i = 0; i < 20; i += 1) await nc.jetstream().publish(subject.replace('>', 'x'), `${name} ${i}`);
    }
    await jsm.consumers.add('CORDUM_JOBS', { durable_name: 'scheduler', ack_policy: 'explicit' as never });
    await jsm.streams.deleteMessage('CORDUM_SYS', 7);

    const ran = await take(`nats://cordum:pw-71a@${nats.address}`, out);
    expect([ran.code, ran.json()['status']]).toEqual([0, 'complete']);
    expect(ran.note).toContain('not among them: ORDERS; name them with --stream');
    expect(ran.out + ran.note).not.toContain('pw-71a');
    const text = readFileSync(`${out}/${String(ran.json()['manifest'])}`, 'utf8');
    expect(text).not.toContain('pw-71a');
    const manifest = manifestShape.parse(JSON.parse(text));
    expect(manifest.nats?.streams.map(({ name, format, state, consumers }) => ({ name, format, messages: state.messages, lastSeq: state.lastSeq, deleted: state.deleted, consumers }))).toEqual([
      { name: 'CORDUM_SYS', format: 'v1', messages: 19, lastSeq: 20, deleted: 1, consumers: [] },
      { name: 'CORDUM_JOBS', format: 'v1', messages: 20, lastSeq: 20, deleted: 0, consumers: [{ name: 'scheduler' }] },
      { name: 'CORDUM_AUDIT', format: 'v1', messages: 20, lastSeq: 20, deleted: 0, consumers: [] },
    ]);
    for (const stream of manifest.nats?.streams ?? []) expect(stream.contentSha256, stream.name).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(manifest.nats?.streams.map(({ contentSha256 }) => contentSha256)).size).toBe(3);
    const folder = `${out}/${String(ran.json()['set'])}`;
    expect(readdirSync(folder)).toEqual(['CORDUM_AUDIT.snapshot', 'CORDUM_JOBS.snapshot', 'CORDUM_SYS.snapshot']);
    expect(JSON.parse(readFileSync(`${folder}/CORDUM_JOBS.snapshot/backup.json`, 'utf8'))).toMatchObject({ config: { name: 'CORDUM_JOBS', subjects: ['job.>'] }, state: { messages: 20, consumer_count: 1 } });
    for (const { path } of manifest.files) expect(statSync(`${out}/${path}`).mode & 0o777, path).toBe(0o600);

    expect((await runHere(['backup', 'verify', out])).code).toBe(0);
    truncateSync(`${folder}/CORDUM_JOBS.snapshot/stream.tar.s2`, 500);
    const damaged = await runHere(['backup', 'verify', out]);
    expect([damaged.code, damaged.out]).toEqual([1, expect.stringContaining('CORDUM_JOBS.snapshot/stream.tar.s2: it has 500 bytes, by the manifest')]);
  });

  it('holds the streams that were named; one that is not there makes it incomplete', async () => {
    const out = await testFolder('take-nats-named');
    const nats = await startNats();
    await fillNats(nats, 5);
    const named = await take(`nats://${nats.address}`, out, '--stream', 'CORDUM_JOBS');
    expect([named.code, named.json()['holds']]).toEqual([0, { streams: [{ name: 'CORDUM_JOBS', format: 'v1', messages: 5, consumers: 0 }] }]);
    const lacking = await take(`nats://${nats.address}`, out, '--stream', 'CORDUM_JOBS', '--stream', 'NOT_THERE');
    expect([lacking.code, lacking.json()['status'], lacking.json()['missing']]).toEqual([1, 'incomplete', ['NOT_THERE (there is no such stream)']]);
    const nc = await nats.client();
    await (await nc.jetstreamManager()).streams.delete('CORDUM_SYS');
    const half = await take(`nats://${nats.address}`, out);
    expect([half.code, half.json()['missing']]).toEqual([1, ['CORDUM_SYS (there is no such stream)']]);
    expect((await runHere(['backup', 'verify', out, '--set', String(half.json()['set'])])).out).toContain('CORDUM_SYS (there is no such stream)');
    const strange = await take(`nats://${nats.address}`, out, '--stream', '../x');
    expect([strange.code, strange.note.trimEnd()]).toEqual([1, '"../x" is not the name of a stream.']);
  });

  it('is taken, drilled beside its source, and refused with a .creds file by who its server lets in', async () => {
    const out = await testFolder('take-nats-creds');
    const [user, other] = [nkeys.createUser(), nkeys.createUser()];
    // A server without an operator looks at the key alone.
    const creds = (of: typeof user): string => `-----BEGIN NATS USER JWT-----\ne30.e30.e30\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${Buffer.from(of.getSeed()).toString()}\n------END USER NKEY SEED------\n`;
    const file = (name: string, text: string): string => (writeFileSync(join(out, name), text), join(out, name));
    const [ours, wrong, none] = [file('ours.creds', creds(user)), file('wrong.creds', creds(other)), file('none.creds', 'hello')];
    const nats = await startNats({ config: `authorization { users: [ { nkey: "${user.getPublicKey()}" }, { user: "filler", password: "f" } ] }` });
    const nc = await nats.client({ user: 'filler', pass: 'f' });
    const jsm = await nc.jetstreamManager();
    for (const name of ['SYS', 'JOBS']) await jsm.streams.add({ name: `CORDUM_${name}`, subjects: [`${name}.>`] });
    await nc.jetstream().publish('SYS.a', 'x');
    const backups = join(out, 'backups');
    const url = `nats://${nats.address}`;
    expect([await take(url, backups), await take(url, backups, '--creds-file', wrong)].map(({ code, note }) => [code, note.includes('refuses the credentials')])).toEqual([[1, true], [1, true]]);
    expect((await take(url, backups, '--creds-file', none)).code).toBe(2);
    expect((await take(url, backups, '--creds-file', ours)).code).toBe(0);
    const drill = await runHere(['drill', 'run', 'nats', '--backups', backups, '--live', url, '--creds-file', ours, '--out', join(out, 'evidence'), '--json']);
    expect([drill.code, drill.json()['status']], drill.note).toEqual([0, 'passed']);
    expect(readFileSync(join(backups, readdirSync(backups).find((name) => name.endsWith('.json')) ?? ''), 'utf8')).not.toContain(Buffer.from(user.getSeed()).toString());
  });

  it('that cannot be taken says why in one line, exits with 1, and leaves nothing behind', async () => {
    const out = await testFolder('take-nats-not');
    const nats = await startNats({ auth: { token: 'tok-5c1' } });
    const bare = await startNats({ jetstream: false });
    const empty = await startNats();
    writeFileSync(`${out}.pw`, 'wrong-2d');
    for (const [url, line, more] of [
      [`nats://wrong-2d@${nats.address}`, `NATS at ${nats.address} refuses the credentials.`, []],
      [`nats://${nats.address}`, `NATS at ${nats.address} refuses the credentials.`, ['--password-file', `${out}.pw`]],
      [`nats://127.0.0.1:${await freePort()}`, 'CONNECTION_REFUSED', []],
      [`nats://${bare.address}`, 'JetStream is off there', []],
      [`nats://${empty.address}`, 'No stream could be backed up: CORDUM_SYS (there is no such stream); CORDUM_JOBS (there is no such stream).', []],
    ] as const) {
      const ran = await take(url, out, ...more);
      expect([ran.code, ran.json()['status']], url).toEqual([1, 'failed']);
      expect(ran.note, url).toContain(line);
      expect(ran.note.trimEnd().split('\n'), url).toHaveLength(1);
      expect(ran.note + ran.out).not.toMatch(/wrong-2d|tok-5c1/);
      expect(readdirSync(out), url).toEqual([]);
    }
  });

  it('that is stopped leaves nothing behind', async () => {
    const out = await testFolder('take-nats-stopped');
    const nats = await startNats();
    await fillNats(nats, 300);
    const ran = await runCommand(['backup', 'take', 'nats', '--url', `nats://${nats.address}`, '--out', out], {
      onNote: (text, kill) => {
        if (text.includes('CORDUM_SYS') && !text.includes('Stopping')) {
          nats.freeze();
          kill('SIGINT');
        }
      },
    });
    nats.thaw();
    expect(ran.note).toContain('Stopping');
    expect([ran.code, readdirSync(out)]).toEqual([1, []]);
  });
});
