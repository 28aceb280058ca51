import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createApi, postAlert } from '../kit/e2e/api.ts';
import { startBot, writeBotFiles } from '../kit/e2e/bot.ts';
import { openPage, picture, startBrowser } from '../kit/e2e/browser.ts';
import { expectDrainedOnce, startCordum, writesOf } from '../kit/e2e/cordum.ts';
import { waitFor } from '../kit/servers/process.ts';

const STARTED = '2026-11-20T10:00:00.000Z';
const IMG = '<img src=x onerror="document.body.dataset.owned=1">';
const SCRIPT = '<script>document.body.dataset.owned=1</script>';
const ASKING = `
runbook: ask-me
title: It asks
owner: ops
inputs:
  - { name: order, options: [newest, oldest], default: oldest }
  - { name: pool, options: [a, b] }
  - { name: count, type: int, title: How many, required: true }
steps:
  - { id: workers, uses: cordum.workers.list }
`;
const LOCAL = `local:${userInfo().username}`;

describe('the console in a browser', () => {
  it('is opened by the link of the terminal, shows the incident live, approves, and sees it close', async () => {
    const cordum = await startCordum(120);
    const files = await writeBotFiles({ cordumUrl: cordum.url });
    await writeFile(join(files, 'runbooks', 'ask-me.yaml'), ASKING);
    const bot = await startBot(files);
    const browser = await startBrowser();
    const api = createApi(bot.url);
    const link = bot.consoleLink();
    const { page, complaints } = await openPage(browser);
    await page.goto(link);
    await page.getByText('Nothing is open.').waitFor();

    // It shows what comes without being asked.
    await postAlert(bot.url, { status: 'firing', startsAt: STARTED });
    await page.getByRole('link', { name: 'DLQ depth exceeds 100 entries (production)' }).click();
    await page.getByText('target=production').waitFor();
    await page.getByText('entries never reached a worker').first().waitFor();
    const timeline = page.getByRole('list', { name: 'Timeline' });
    await timeline.getByText('Approval asked').waitFor();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await picture(page, '1-asked');

    // The plan is there to be read before the button is pressed.
    await page.getByText(/\d+ changes, digest/).click();
    await page.getByText(cordum.seeded.safe[0] ?? '').first().waitFor();
    await picture(page, '2-plan');
    await page.getByText(/\d+ changes, digest/).click();
    await page.getByRole('button', { name: 'Approve' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(`${cordum.seeded.safe.length} changes on production`).waitFor();
    await picture(page, '3-confirm');
    expect(writesOf(cordum.sandbox)).toEqual([]);
    await dialog.getByLabel('Reason').fill('workers are back');
    await dialog.getByRole('button', { name: 'Approve' }).click();

    await page.getByRole('progressbar').waitFor();
    await timeline.getByText('Wave 3: 25 items').waitFor();
    await page.getByRole('cell', { name: '25', exact: true }).first().waitFor();
    await picture(page, '4-waves');
    // What a reader has opened stays open however often the page is drawn anew.
    await page.getByText(/^\d+ effects$/).click();
    await timeline.getByText('Verified, passed').waitFor();
    await page.getByText(`${cordum.seeded.safe.length} effects`).waitFor();
    expect(await page.locator('details[data-key="effects"]').getAttribute('open')).not.toBeNull();
    await page.getByText(`${cordum.seeded.safe.length} of ${cordum.seeded.safe.length} applied`).waitFor();
    await postAlert(bot.url, { status: 'resolved', startsAt: STARTED });
    await timeline.getByText('Run succeeded').waitFor();
    await page.getByRole('heading', { name: 'closed DLQ depth exceeds 100 entries' }).waitFor();
    await page.getByText(`approved by ${LOCAL} (console)`).waitFor();
    await picture(page, '5-closed');
    expectDrainedOnce(cordum, LOCAL);
    expect((await api.approvals())[0]?.decisions[0]).toMatchObject({ principal: LOCAL, via: 'console', reason: 'workers are back' });

    for (const [name, says] of [['Runs', 'succeeded'], ['Approvals', 'Nothing waits for you.'], ['Runbooks', 'dlq-overflow'], ['Audit', LOCAL], ['Incidents', 'Nothing is open.']] as const) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByText(says).locator('visible=true').first().waitFor();
      await picture(page, `6-${name.toLowerCase()}`);
    }

    // What a runbook wants to know is asked for when it is started by hand.
    await page.getByRole('navigation').getByRole('link', { name: 'Runbooks' }).click();
    await page.locator('.card', { hasText: 'ask-me' }).getByRole('button', { name: 'Dry run' }).click();
    await dialog.getByLabel('How many').fill('3');
    await dialog.getByRole('button', { name: 'Dry run' }).click();
    await page.waitForURL(/#\/runs\/run_/);
    expect((await api.run(page.url().split('/').at(-1) ?? '')).inputs).toEqual({ order: 'oldest', count: 3 });
    expect(complaints).toEqual([]);

    // A link opens once: whoever finds it in a history or a log stands outside.
    const stranger = await openPage(browser);
    await stranger.page.goto(link);
    await stranger.page.getByRole('heading', { name: 'This link has been used or is too old' }).waitFor();
    await picture(stranger.page, '7-link-used');
    await stranger.page.goto(bot.url);
    await stranger.page.getByLabel('API key').waitFor();
    expect(bot.consoleLink()).not.toBe(link);
  });

  it('shows labels that are HTML as the text that they are', async () => {
    const cordum = await startCordum(24);
    const bot = await startBot(await writeBotFiles({ cordumUrl: cordum.url }));
    const { page, complaints } = await openPage(await startBrowser());
    await page.goto(bot.consoleLink());
    await postAlert(bot.url, { status: 'firing', startsAt: STARTED, labels: { instance: IMG, job: SCRIPT, __proto__x: 'javascript:alert(1)' }, summary: `${IMG}${SCRIPT}` });
    await page.getByRole('link', { name: SCRIPT }).click();
    await page.getByText(`instance=${IMG}`).waitFor();
    await page.getByText(`job=${SCRIPT}`).waitFor();
    await page.getByRole('heading', { name: SCRIPT }).waitFor();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await picture(page, '8-hostile');
    expect(await page.locator('img, main script').count()).toBe(0);
    expect(await page.locator('body').getAttribute('data-owned')).toBeNull();
    expect(complaints).toEqual([]);
  });

  it('stops all writes at the press of a button, and says who may let them happen again', async () => {
    const cordum = await startCordum(24);
    const bot = await startBot(await writeBotFiles({ cordumUrl: cordum.url }));
    const api = createApi(bot.url);
    const { page } = await openPage(await startBrowser());
    await page.goto(bot.consoleLink());
    await page.getByRole('button', { name: 'Stop all writes' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Why').fill('something smells');
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Writes are STOPPED' }).waitFor();
    expect(await api.killSwitch()).toMatchObject({ on: true, by: LOCAL, reason: 'something smells' });

    // The local user is no lead.
    await page.getByRole('button', { name: 'Writes are STOPPED' }).click();
    await dialog.getByLabel('Why').fill('it was nothing');
    await dialog.getByRole('button', { name: 'Re-arm' }).click();
    await page.getByRole('status').getByText('lead').waitFor();
    await picture(page, '9-stopped');
    expect(await api.killSwitch()).toMatchObject({ on: true });

    // What a click cannot do is said where it was tried.
    await postAlert(bot.url, { status: 'firing', startsAt: STARTED });
    await page.getByRole('link', { name: 'DLQ depth exceeds' }).click();
    await page.getByRole('button', { name: 'Approve' }).click();
    await dialog.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('status').getByText(/kill switch/i).waitFor();
    await picture(page, '10-refused');
    expect(writesOf(cordum.sandbox)).toEqual([]);
    await waitFor(async () => ((await api.approvals())[0]?.status === 'pending' ? true : undefined), { until: 'the approval is still open' });
  });
});
