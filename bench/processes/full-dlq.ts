/** A simulated Cordum whose DLQ is full, for as long as it is not told to stop. */
import { systemClock } from '#kernel/clock.ts';
import { seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox } from '#systems/cordum/sandbox/server.ts';
import { inputOf } from '../kit/process.ts';

const { entries, apiKey } = inputOf<{ readonly entries: number; readonly apiKey: string }>();
const sandbox = createSandbox({ clock: systemClock, apiKey, tenant: 'default' });
seedDlq(sandbox, entries);
const { url } = await sandbox.start();
process.stdout.write(`LISTENS ${url}\n`);
process.on('SIGTERM', () => process.exit(0));
