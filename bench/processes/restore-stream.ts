/** The bare restore of a stream: its archive sent through the protocol to a fresh server by the shortest client, without any check. */
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'nats';
import { inputOf, tellResult } from '../kit/process.ts';

export interface RestoreInput {
  readonly url: string;
  /** Of natscli's layout. */
  readonly snapshot: string;
}

export interface RestoreResult {
  readonly ms: number;
  readonly messages: number;
}

/** As jsm.go does (reliability.md §C.2): so much a request, one under way. */
const CHUNK_BYTES = 64 * 1_024;
const PATIENCE_MS = 600_000;

const { url, snapshot } = inputOf<RestoreInput>();
const began = performance.now();
const nc = await connect({ servers: url });
const described = readFileSync(join(snapshot, 'backup.json'), 'utf8');
const { config } = JSON.parse(described) as { readonly config: { readonly name: string } };
const answer = (await nc.request(`$JS.API.STREAM.RESTORE.${config.name}`, described, { timeout: PATIENCE_MS })).json<{ readonly deliver_subject: string }>();
for await (const chunk of createReadStream(join(snapshot, 'stream.tar.s2'), { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>) await nc.request(answer.deliver_subject, chunk, { timeout: PATIENCE_MS });
const restored = (await nc.request(answer.deliver_subject, undefined, { timeout: PATIENCE_MS })).json<{ readonly state: { readonly messages: number } }>();
tellResult({ ms: performance.now() - began, messages: restored.state.messages } satisfies RestoreResult);
await nc.close();
