import { afterEach, beforeEach, expect, it } from 'vitest';
import { limiterGet } from '#systems/cordum/steps/limiter-get.ts';
import { type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
});
afterEach(() => cordum.close());

async function limiter(play: Parameters<Replay['on']>[2]): Promise<unknown> {
  cordum.on('GET', '/api/v1/status', play);
  const answer = await limiterGet.run({}, cordum.context());
  return answer.ok ? limiterGet.output.strict().parse(answer.value) : answer.failure.reason;
}

it('says from the recorded status that the limit is shared in Redis, how many gateways there are, and what the licence allows', async () => {
  expect(await limiter('status_with_workers')).toEqual({ mode: 'redis', instance: 'vm', gateways: 1, entitledPerSecond: 500, shared: true, say: 'The gateway vm counts requests in Redis, together with the others.' });
});

it('tells a gateway that counts by itself from one that does not say how it counts', async () => {
  expect(await limiter({ body: { instance_id: 'gw-2', rate_limiter: { mode: 'memory' } } })).toMatchObject({ mode: 'memory', shared: false, gateways: 0, entitledPerSecond: 0 });
  expect(await limiter({ body: { rate_limiter: { mode: 'sieve' } } })).toMatchObject({ mode: 'unknown', shared: false });
  expect(await limiter({ body: {} })).toMatchObject({ mode: 'unknown', shared: false, instance: '' });
});

it('fails where the status is no JSON, rather than call the limit shared', async () => {
  expect(await limiter({ body: 'no', headers: { 'content-type': 'text/plain' } })).toBe('unexpected');
});
