import { describe, expect, it } from 'vitest';
import { Secret } from '#kernel/secret.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { deadLettersWatch } from '#systems/nats/steps/dead-letters-watch.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { clientsList } from '#systems/redis/steps/clients-list.ts';
import { jobsCount } from '#systems/redis/steps/jobs-count.ts';
import { keyDelete } from '#systems/redis/steps/key-delete.ts';
import { keysInspect } from '#systems/redis/steps/keys-inspect.ts';
import { latencyList } from '#systems/redis/steps/latency-list.ts';
import { locksList } from '#systems/redis/steps/locks-list.ts';
import { memoryGet } from '#systems/redis/steps/memory-get.ts';
import { serverInfo } from '#systems/redis/steps/server-info.ts';
import { serverPing } from '#systems/redis/steps/server-ping.ts';
import { slowlogList } from '#systems/redis/steps/slowlog-list.ts';
import { FAMILIES } from '#systems/redis/key-families.ts';
import { codeBlocks } from '../../kit/markdown.ts';
import { makeCordumStreams, natsClient, REAL_TIME } from '../../kit/nats.ts';
import { redisClient } from '../../kit/redis.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';
import { contextOn, read, tryRead } from '../../kit/step-context.ts';

const PASSWORD = 'a-password-of-the-bot';

describe('the rights that docs/operating.md gives', () => {
  it('to the bot in Redis suffice for all steps, and for no write but the deletion of what may be deleted', async () => {
    const server = await startRedis();
    const words = shown('redis.acl').split(' ');
    await server.cli(...words);
    const client = redisClient({ url: `redis://${server.address}`, username: 'runbook-bot', password: new Secret(PASSWORD) });
    await server.cli('ZADD', 'job:index:running', '1', 'old');
    await server.cli('SET', 'dlq:entry:1', 'x');
    expect(await read(serverPing, {}, client)).toMatchObject({ healthy: true });
    expect(await read(serverInfo, {}, client)).toMatchObject({ reachable: true });
    expect(await read(memoryGet, {}, client)).toMatchObject({ total: 1, unseen: [] });
    expect(await read(slowlogList, {}, client)).toMatchObject({ unseen: [] });
    expect(await read(latencyList, {}, client)).toMatchObject({ unseen: [] });
    expect(await read(clientsList, {}, client)).toMatchObject({ unseen: [] });
    expect(await read(jobsCount, {}, client)).toMatchObject({ running: 1 });
    expect(await read(keysInspect, { keys: ['dlq:entry:1', 'job:index:*'] }, client)).toMatchObject({ existing: 2 });
    expect(await read(locksList, {}, client)).toMatchObject({ complete: true });
    for (const { name, deletable } of FAMILIES) {
      if (!deletable) continue;
      const key = name.replace('*', 'x');
      await server.cli('SET', key, '1');
      const plan = await keyDelete.plan({ key }, contextOn(client));
      if (!plan.ok) throw new Error(plan.failure.message);
      const [item] = plan.value.items;
      if (item === undefined) throw new Error(`nothing is planned for ${key}`);
      expect(await keyDelete.apply(item, { key }, contextOn(client)), key).toMatchObject({ ok: true });
      expect(await server.cli('EXISTS', key)).toBe('0');
    }
    for (const refused of [['SET', 'x', '1'], ['DEL', 'dlq:entry:1'], ['EVAL', "return redis.call('DEL', KEYS[1])", '1', 'dlq:entry:1'], ['FLUSHALL'], ['CONFIG', 'SET', 'save', ''], ['KEYS', '*']]) {
      expect(await server.cli('ACL', 'DRYRUN', 'runbook-bot', ...refused), refused.join(' ')).toMatch(/permission/);
    }
  });

  it('to the bot in NATS suffice for all steps, and not to publish', async () => {
    const server = await startNats({ config: `authorization { users: [ ${shown('nats.conf')}, { user: cordum, password: other } ] }` });
    const cordum = await server.client({ user: 'cordum', pass: 'other' });
    await makeCordumStreams(cordum);
    const client = natsClient({ url: `nats://${server.address}`, username: 'runbook-bot', password: new Secret(PASSWORD) });
    expect(await read(streamsList, {}, client)).toMatchObject({ total: 2 });
    expect(await tryRead(consumersList, {}, client)).toMatchObject({ ok: true, value: { total: 0 } });
    expect(await read(jetstreamFacts, {}, client)).toMatchObject({ jetstream: true, source: 'api' });
    expect(await tryRead(deadLettersWatch, { for: '1s' }, client, REAL_TIME)).toMatchObject({ ok: true, value: { total: 0 } });
    const bot = await server.client({ user: 'runbook-bot', pass: PASSWORD });
    const refused = (async () => {
      for await (const { data } of bot.status()) if (String(data).includes('PERMISSIONS_VIOLATION')) return 'refused';
      return 'not refused';
    })();
    bot.publish('sys.job.submit', 'x');
    expect(await refused).toBe('refused');
  });
});

/** The block of the page without its label, on one line, with a password. */
function shown(label: string): string {
  const block = codeBlocks('operating.md').find((one) => one.label === label);
  if (block === undefined) throw new Error(`docs/operating.md shows no ${label}`);
  return block.text.split('\n').slice(1).join('\n').trim().replaceAll('PASSWORD', PASSWORD);
}
