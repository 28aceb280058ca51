import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { silentLog } from '#kernel/log.ts';
import { createConsole } from '#surfaces/console/console.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

const QUARTER_MS = 15 * 60_000;

async function startConsole(isLocal = true) {
  const clock = createVirtualClock();
  const links: string[] = [];
  const console = createConsole({ clock, log: silentLog, osUser: 'ops', isLocal: () => isLocal, onLink: (path) => links.push(path) });
  const http = Fastify();
  await http.register(console.routes);
  const visit = async (path: string): Promise<{ readonly to: string; readonly cookie: string }> => {
    const { headers } = await http.inject(path);
    return { to: String(headers.location), cookie: String(headers['set-cookie'] ?? '') };
  };
  return { clock, links, console, visit };
}

describe('the link of the console', () => {
  it('opens a session once, and the next link is told at once', async () => {
    const { console, links, visit } = await startConsole();
    const link = console.newLink();
    expect(await visit(link)).toEqual({ to: '/', cookie: expect.stringMatching(/^runbook_bot_session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/) as string });
    expect(links).toHaveLength(1);
    expect(await visit(link)).toEqual({ to: '/#/link-used', cookie: '' });
    expect((await visit(links[0] ?? '')).to).toBe('/');
  });

  it('that nobody opened in time is replaced when somebody tries it', async () => {
    const { console, links, clock, visit } = await startConsole();
    const link = console.newLink();
    await clock.advance(QUARTER_MS + 1);
    expect((await visit(link)).to).toBe('/#/link-used');
    expect(links).toHaveLength(1);
    expect((await visit(links[0] ?? '')).to).toBe('/');
  });

  it('is not taken away by a wrong guess, and opens nothing from elsewhere', async () => {
    const here = await startConsole();
    const link = here.console.newLink();
    expect((await here.visit('/?token=guess')).to).toBe('/#/link-used');
    expect(here.links).toEqual([]);
    expect((await here.visit(link)).to).toBe('/');
    const elsewhere = await startConsole(false);
    expect(await elsewhere.visit(elsewhere.console.newLink())).toEqual({ to: 'undefined', cookie: '' });
    expect(elsewhere.links).toEqual([]);
  });
});
