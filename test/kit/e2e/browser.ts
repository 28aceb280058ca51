/** Debian's Chromium with nothing but a fresh profile, and everything that a page did wrong. */
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { requireServer } from '../servers/find.ts';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const SIZE = { width: 1280, height: 900 };
const WITHIN_MS = 30_000;

/** Playwright gives it a profile of its own, and removes it. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: requireServer('chromium'), args: FLAGS });
  onTestFinished(() => browser.close());
  return browser;
}

export interface WatchedPage {
  readonly page: Page;
  /** Exceptions, errors on the console, breaches of the content security policy, dialogs: a good page has none. */
  readonly complaints: readonly string[];
}

/** A page of somebody without cookies. */
export async function openPage(browser: Browser): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: SIZE, colorScheme: 'light' });
  context.setDefaultTimeout(WITHIN_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, complaints };
}

/** For people: with `E2E_SCREENSHOTS=DIR` the tests leave pictures there. */
export async function picture(page: Page, name: string): Promise<void> {
  const dir = process.env['E2E_SCREENSHOTS'];
  if (dir !== undefined && dir !== '') await page.screenshot({ path: join(dir, `${name}.png`), fullPage: true });
}
