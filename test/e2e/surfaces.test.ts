import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ApprovalView, RunView } from '#engine/model/views.ts';
import { listOf, RunbookShape } from '#operations/shapes.ts';
import { createApi, metric, postAlert } from '../kit/e2e/api.ts';
import { KEYS, RUNBOOK, runToEnd, startBot, writeBotFiles, type Ended } from '../kit/e2e/bot.ts';
import { expectDrainedOnce, startCordum, writesOf } from '../kit/e2e/cordum.ts';
import { waitFor } from '../kit/servers/process.ts';

const STARTED = '2026-11-20T10:00:00.000Z';

/** `runbook-bot …` against this bot, as this person. */
function cliOf(url: string, key: string): (...args: readonly string[]) => Promise<Ended> {
  return (...args) => runToEnd('src/cli/main.ts', args, { RUNBOOK_BOT_URL: url, RUNBOOK_BOT_API_KEY: key });
}

/** What `--json` printed. The shapes are the API's own, which other tests hold to their schemas. */
function answered<T>(ended: Ended): T {
  expect(ended).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout) as T;
}

describe('a bot without Slack', () => {
  it('is driven from diagnosis to drained queue on the command line, and the event stream tells all of it', async () => {
    const cordum = await startCordum(48);
    const bot = await startBot(await writeBotFiles({ cordumUrl: cordum.url }));
    const api = createApi(bot.url);
    const ann = cliOf(bot.url, KEYS.ann);
    const ben = cliOf(bot.url, KEYS.ben);
    const vic = cliOf(bot.url, KEYS.vic);

    const { id } = answered<RunView>(await ann('run', 'dlq-overflow', '--json'));
    const asked = await waitFor(async () => (await api.approvals()).find((approval) => approval.status === 'pending'), { until: 'an approval is asked for' });
    const shown = await vic('show', id);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('never reached a worker');
    expect(shown.stdout).toContain(`runbook-bot approve ${asked.id} --digest ${asked.plan.digest}`);
    expect((await vic('runs')).stdout).toMatch(new RegExp(`${id}\\s+dlq-overflow\\s+production\\s+waiting`));
    const [listed] = answered<{ items: ApprovalView[] }>(await vic('approvals', '--json')).items;
    expect(listed).toMatchObject({ id: asked.id, status: 'pending', tier: 'R2', requester: 'ann', needs: { roles: ['oncall'], excluded: ['ann'] } });

    // Not anybody, not the requester, and not another plan.
    for (const [who, args, says] of [
      [vic, ['--digest', asked.plan.digest], 'forbidden'],
      [ann, ['--digest', asked.plan.digest], 'forbidden'],
      [ben, ['--digest', '0'.repeat(64)], 'stale-digest'],
    ] as const) {
      const refused = await who('approve', asked.id, ...args);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(says);
    }
    expect(await ben('approve', asked.id)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--digest is missing') as string });

    // While the kill switch is on even the right person cannot approve; only a lead re-arms.
    expect((await ben('kill-switch', 'on', '--reason', 'looking first')).code).toBe(0);
    expect((await ben('approve', asked.id, '--digest', asked.plan.digest)).code).toBe(1);
    expect((await ben('kill-switch', 'off')).code).toBe(1);
    expect((await vic('kill-switch', 'status')).stdout).toContain('on: every write is stopped, by ben');
    expect(writesOf(cordum.sandbox)).toEqual([]);
    expect((await ann('kill-switch', 'off')).code).toBe(0);

    expect((await ben('approve', asked.id, '--digest', asked.plan.digest, '--reason', 'workers are back')).code).toBe(0);
    await waitFor(async () => ((await api.run(id)).offers[0]?.status === 'done' ? true : undefined), { until: 'the retry is done', withinMs: 60_000 });
    expectDrainedOnce(cordum, 'ben');
    // Its change is verified, so it has ended although a form is still open; there is nothing left to cancel.
    expect((await ann('cancel', id, '--reason', 'too late')).code).toBe(1);

    const timeline = await api.follow(id);
    expect(timeline.map((entry) => entry.version)).toEqual(timeline.map((_entry, at) => at + 1));
    expect(timeline[0]).toMatchObject({ type: 'RunStarted', actor: 'ann' });
    expect(timeline.find((entry) => entry.type === 'DecisionRecorded')?.say).toContain('ben said approve');
    expect(timeline.at(-1)).toMatchObject({ type: 'RunEnded', data: { status: 'succeeded' } });
    const half = timeline[Math.floor(timeline.length / 2)]?.version ?? 0;
    expect(await api.follow(id, { after: half })).toEqual(timeline.slice(half));
  });

  it('streams the timeline while it happens', async () => {
    const cordum = await startCordum(24);
    const bot = await startBot(await writeBotFiles({ cordumUrl: cordum.url }));
    await postAlert(bot.url, { status: 'firing', startsAt: STARTED });
    const api = createApi(bot.url);
    const { id } = await waitFor(async () => (await api.runs())[0], { until: 'the run has started' });
    const upToTheQuestion = await api.follow(id, { enough: (entries) => entries.some((entry) => entry.type === 'ApprovalRequested') });
    expect(upToTheQuestion.map((entry) => entry.type)).toEqual(expect.arrayContaining(['RunStarted', 'StepSucceeded', 'Diagnosed', 'ApprovalRequested']));
    expect((await api.run(id)).endedAt).toBeNull();
  });

  it('says what it could not see when Cordum cannot be reached, and offers nothing', async () => {
    const bot = await startBot(await writeBotFiles({ cordumUrl: 'http://127.0.0.1:9' }));
    const api = createApi(bot.url);
    await postAlert(bot.url, { status: 'firing', startsAt: STARTED });
    const run = await waitFor(
      async () => {
        const [summary] = await api.runs();
        const view = summary === undefined ? undefined : await api.run(summary.id);
        return view !== undefined && view.offers.length > 0 ? view : undefined;
      },
      { until: 'the diagnosis has been made', withinMs: 90_000 },
    );
    expect(run.findings.map((finding) => finding.say)).toContainEqual(expect.stringContaining('Cordum cannot be reached'));
    expect(run.unknowns.length).toBeGreaterThan(0);
    expect(run.offers.map((offer) => offer.status)).toEqual(['skipped', 'skipped']);
    expect(await api.approvals()).toEqual([]);
    expect(await metric(bot.url, 'cordum_exporter_up')).toBe(0);
    expect(await metric(bot.url, 'cordum_dlq_entries')).toBeUndefined();
    expect((await fetch(`${bot.url}/readyz`)).status).toBe(200);

    // A resolve does not close what the bot itself cannot see.
    await postAlert(bot.url, { status: 'resolved', startsAt: STARTED });
    const [incident] = await waitFor(
      async () => {
        const incidents = await api.incidents();
        return incidents[0]?.notes.some((note) => note.startsWith('It stays open')) === true ? incidents : undefined;
      },
      { until: 'the incident says why it stays open', withinMs: 60_000 },
    );
    expect(incident?.status).toBe('open');
  });

  it('keeps its good runbooks beside a bad one, and takes up the correction without a restart', async () => {
    const cordum = await startCordum(24);
    const folder = await writeBotFiles({ cordumUrl: cordum.url });
    const file = join(folder, 'runbooks', 'second.yaml');
    const good = (await readFile(RUNBOOK, 'utf8')).replace('runbook: dlq-overflow', 'runbook: second').replace(/CordumDLQDepthHigh/, 'SomethingElse');
    const bad = good.replace('steps.triage.output.safe.size() > 0', 'steps.triage.output.save.size() > 0');
    await writeFile(file, bad);
    const bot = await startBot(folder);
    const api = createApi(bot.url);
    const loaded = async (): Promise<readonly string[]> => (await api.get('/runbooks', listOf(RunbookShape))).items.filter((runbook) => runbook.revision !== '').map((runbook) => runbook.name);
    expect(await loaded()).toEqual(['dlq-overflow']);
    expect(bot.output()).toMatch(/second\.yaml.*save/s);
    const lint = await runToEnd('src/cli/main.ts', ['lint', file]);
    expect(lint.code).toBe(1);
    expect(lint.stdout).toMatch(/second\.yaml:\d+:\d+/);
    expect(lint.stdout).toContain('safe');
    expect((await runToEnd('src/cli/main.ts', ['lint', join(folder, 'runbooks', 'dlq-overflow.yaml')])).code).toBe(0);
    expect((await api.post('/runs', { runbook: 'second' })).status).toBe(404);
    expect((await api.post('/runs', { runbook: 'dlq-overflow', dryRun: true })).status).toBe(201);

    await replace(file, good);
    await waitFor(async () => ((await loaded()).includes('second') ? true : undefined), { until: 'the corrected runbook is loaded' });

    // Broken again, its last good version stays, and says what is wrong with the file.
    await replace(file, bad);
    const problems = await waitFor(
      async () => {
        const found = (await api.get('/runbooks', listOf(RunbookShape))).items.find((runbook) => runbook.name === 'second')?.problems ?? [];
        return found.length > 0 ? found : undefined;
      },
      { until: 'the problem is told' },
    );
    expect(problems.join('\n')).toMatch(/second\.yaml:\d+:\d+/);
  });
});

describe('a bot with a wrong configuration', () => {
  it('does not start, and names each mistake by file, line and key', async () => {
    const folder = await writeBotFiles({ cordumUrl: 'http://127.0.0.1:9' });
    const file = join(folder, 'runbook-bot.yaml');
    const text = await readFile(file, 'utf8');
    const wrongs = {
      'runbook-bot.yaml:1 http.listen: expected HOST:PORT': text.replace('listen: "127.0.0.1:0"', 'listen: "somewhere"'),
      'runbook-bot.yaml:13 targets[0].cordum.tenants: unknown key; did you mean "tenant"?': text.replace('tenant: default', 'tenants: default'),
      'runbook-bot.yaml:9 auth.apiKeys[2].keyFile: ': text.replace('keyFile: vic-key', 'keyFile: no-such-file'),
    };
    for (const [says, wrong] of Object.entries(wrongs)) {
      await writeFile(file, wrong);
      for (const [script, args] of [['src/main.ts', []], ['src/cli/main.ts', ['start']]] as const) {
        const ended = await runToEnd(script, [...args, '--config', file]);
        expect(ended).toMatchObject({ code: 2, stdout: '' });
        expect(ended.stderr.trim().split('\n')).toEqual([expect.stringContaining(`${folder}/${says}`)]);
      }
    }
  });

  it('names a file that is not there', async () => {
    const ended = await runToEnd('src/main.ts', ['--config', '/no/such/file.yaml']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('/no/such/file.yaml');
  });

  it('answers a command that nobody listens to with what to do', async () => {
    const ended = await cliOf('http://127.0.0.1:9', KEYS.ann)('runs', '--json');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(z.object({ code: z.string(), detail: z.string() }).parse(JSON.parse(ended.stderr))).toMatchObject({ code: 'unreachable' });
  });
});

/** As editors and ConfigMaps do it: another file takes the name. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
