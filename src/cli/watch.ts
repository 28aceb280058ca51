/** Follows a run until it has ended, by its event stream, over restarts of the bot. */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { waitUntil } from '#kernel/clock.ts';
import type { RunView, TimelineEntry } from '#engine/model/views.ts';
import { RunShape, TimelineEntryShape } from '#operations/shapes.ts';
import type { Client } from './client.ts';
import { CommandFailed } from './failure.ts';

const RETRY_MS = 1_000;
/** About a minute without a word: then the bot is not restarting, it is gone. */
const MAX_RETRIES = 60;

export async function followRun(client: Client, runId: string, clock: Clock, onEntry: (entry: TimelineEntry) => void): Promise<RunView> {
  const path = `/runs/${encodeURIComponent(runId)}`;
  let version = 0;
  for (let silent = 0; ; silent += 1) {
    try {
      for await (const entry of entriesOf(client.lines(`${path}/events`, version, new AbortController().signal))) {
        version = entry.version;
        silent = 0;
        onEntry(entry);
      }
      const run = await client.get(path, RunShape);
      if (run.endedAt !== null) return run;
    } catch (error) {
      const { code } = (error instanceof CommandFailed ? error.problem : {}) as { code?: string };
      if (silent >= MAX_RETRIES || (code !== 'unreachable' && code !== 'unavailable' && code !== 'too-many-streams')) throw error;
    }
    await waitUntil(clock, clock.now() + RETRY_MS);
  }
}

async function* entriesOf(lines: AsyncGenerator<string>): AsyncGenerator<TimelineEntry> {
  for await (const line of lines) {
    if (!line.startsWith('data: ')) continue;
    const read = Json.pipe(TimelineEntryShape).safeParse(line.slice('data: '.length));
    if (read.success) yield read.data;
  }
}

const Json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});
