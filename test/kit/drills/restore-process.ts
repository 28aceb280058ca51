/** A process of its own that makes a Redis hold what a backup holds, for tests that kill it: `node restore-process.ts URL DIRECTORY SET`. */
import { createRestoreClient } from '#app/restore-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';

const [url = '', backups = '', set = ''] = process.argv.slice(2);
const redis = createRestoreClient({ name: 'prod', match: {}, backups, redis: { url: new Secret(url) } }, systemClock)?.redis();
if (redis?.ok !== true) throw new Error('the target has a Redis');
const call = { signal: new AbortController().signal };
const outline = await redis.value.outline(set, call);
if (!outline.ok) throw new Error(outline.failure.message);
for (const primary of outline.value.primaries) process.stdout.write(`${JSON.stringify(await redis.value.put(set, primary, call))}\n`);
