import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drillOf, failuresOf, misses, placeOf } from '../../kit/backups/place.ts';
import { NATS } from '../../kit/backups/nats-damage.ts';
import { fillNats, testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { startNats } from '../../kit/servers/nats.ts';

describe('damaged backups of JetStream', () => {
  it('are found, each by the check that names what is wrong', async () => {
    const nats = await startNats();
    await fillNats(nats, 60);
    const nc = await nats.client();
    for (const stream of ['CORDUM_SYS', 'CORDUM_JOBS']) await (await nc.jetstreamManager()).consumers.add(stream, { durable_name: 'worker', ack_policy: 'explicit' as never });
    const good = join(await testFolder('good'), 'backups');
    mkdirSync(good);
    const taken = await runHere(['backup', 'take', 'nats', '--url', `nats://${nats.address}`, '--out', good, '--json']);
    expect(taken.code, taken.note).toBe(0);
    for (const manifest of [true, false]) {
      const outcome = await drillOf(await placeOf('nats', good, { manifest }));
      expect(`${outcome.status} ${failuresOf(outcome)}`).toBe('passed ');
    }
    expect(NATS.length).toBeGreaterThanOrEqual(60);
    expect(await misses('nats', good, NATS)).toEqual([]);
  });
});
