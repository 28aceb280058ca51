import { expect, it } from 'vitest';
import { succeed } from '#kernel/failure.ts';
import type { NatsClient } from '#systems/nats/client.ts';
import { readJetStream } from '#systems/nats/jetstream.ts';
import { consumerPage, streamPage } from '#systems/nats/schema.ts';

it('consumers beyond what is listed are told, and not taken for none', async () => {
  const { streams } = streamPage.parse({ total: 1, offset: 0, limit: 256, streams: [{ config: { name: 'CORDUM_JOBS', subjects: ['job.>'] }, created: '2026-11-20T10:00:00Z', state: { messages: 0, bytes: 0, first_seq: 0, last_seq: 0, consumer_count: 100_000 } }] });
  const { consumers } = consumerPage.parse({ total: 100_000, offset: 0, limit: 256, consumers: [{ stream_name: 'CORDUM_JOBS', name: 'dur_a', config: {}, delivered: {}, ack_floor: {} }] });
  const bus = { streams: async () => succeed({ items: streams, missing: [], total: 1 }), consumers: async () => succeed({ items: consumers, missing: [], total: 100_000 }) };
  const view = await readJetStream({ bus, monitors: [], close: async () => {} } as unknown as NatsClient, { consumers: true, stream: '' }, {});
  expect(view).toMatchObject({ ok: true, value: { notes: ['Only 1 of 100000 consumers of CORDUM_JOBS were listed.'] } });
});
