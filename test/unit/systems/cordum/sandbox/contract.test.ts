import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '#kernel/json.ts';
import { rejectApproval } from '#systems/cordum/sandbox/scheduler.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from '../../../../kit/clock.ts';
import { CASES as JOB_CASES, deniedJob, type Prepare, ran, type Stage } from './contract-cases.ts';
import { MORE_CASES, MORE_NOT_COVERED } from './contract-cases-more.ts';
import { gatewayRecordings, normalised, type Recording } from './recordings.ts';

const KEY = 'a-valid-key';
const recordings = gatewayRecordings();

const submission = 'submitting jobs is no part of what the bot does, so the sandbox does not play it';
const granting = 'the sandbox does not play the granting of approvals nor the replayer that takes them back';
/** What is recorded of these subjects and not played, each with its reason. */
const NOT_COVERED: Readonly<Record<string, string>> = {
  ...MORE_NOT_COVERED,
  ...Object.fromEntries(
    ['3mb', 'bad_json', 'default_deny', 'denied_by_policy', 'idempotent_repeat', 'missing_prompt', 'missing_topic', 'no_worker_for_cap', 'ok_no_worker',
      'outcome_fail', 'outcome_fatal', 'outcome_hang', 'outcome_ok', 'outcome_retryable', 'oversized_12mb', 'prompt_over_limit', 'requires_approval',
      'requires_approval_2', 'unknown_topic'].map((name) => [`job_submit_${name}`, submission]),
  ),
  redis_down_job_submit: submission,
  nats_down_job_submit: submission,
  kernel_down_job_submit: submission,
  kernel_down_later_job_submit: submission,
  scheduler_down_job_submit: submission,
  job_get_after_approve_no_worker: granting,
  job_get_approved_reverted: granting,
  job_get_jammed: granting,
  job_remediate_404: 'the bot proposes its own remedies and never asks for those of a policy',
  cors_bad_origin: 'the bot is not a browser',
  cors_preflight: 'the bot is not a browser',
  health_rate_limited_429: 'tested below: it takes a burst',
  rate_limited_429_get: 'tested below: it takes a burst',
  rate_limited_429_dlq_retry: 'tested below: it takes a burst',
};

const CASES: Readonly<Record<string, Prepare>> = { ...JOB_CASES, ...MORE_CASES };

let clock: VirtualClock;
let sandbox: Sandbox;
let url: string;

async function open(startMs: number, burst?: number): Promise<void> {
  clock = createVirtualClock(startMs);
  sandbox = createSandbox({ clock, apiKey: KEY, tenant: 'default', ...(burst === undefined ? {} : { burst }) });
  ({ url } = await sandbox.start());
}

function stageOf(recording: Recording): Stage {
  return { sandbox, clock, recording, recordings };
}

async function ask(recording: Recording, path: string): Promise<{ status: number; headers: Headers; body: Json }> {
  const headers = Object.entries(recording.headers).map(([name, value]): [string, string] => [name, value.replace(/<valid key redacted>/, KEY).replace(/<invalid key redacted>/, 'not-the-key')]);
  const init: RequestInit = { method: recording.method, headers };
  if (recording.sent !== undefined && recording.sent !== null) init.body = JSON.stringify(recording.sent);
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: answer.headers.get('content-type') === 'application/json' ? (JSON.parse(text) as Json) : text };
}

function named(name: string): Recording {
  const found = recordings.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no recording ${name}`);
  return found;
}

afterEach(async () => {
  await sandbox.stop();
});

describe('the sandbox answers as a real Cordum was recorded to answer', () => {
  test.each(Object.keys(CASES))('%s', async (name) => {
    const recording = named(name);
    await open(recording.recordedAtMs);
    const path = (await CASES[name]?.(stageOf(recording))) ?? recording.path;

    const answer = await ask(recording, path);

    expect(answer.status).toBe(recording.status);
    for (const header of ['content-type', 'allow', 'x-content-type-options', 'content-security-policy', 'access-control-expose-headers']) {
      expect([header, answer.headers.get(header)]).toEqual([header, recording.answered[header] ?? null]);
    }
    // A list of the queue is compared to the last digit: paging lives on the order and the fractions of a second.
    const exact = recording.path.startsWith('/api/v1/dlq') && recording.method === 'GET';
    expect(exact ? answer.body : normalised(answer.body)).toEqual(exact ? recording.body : normalised(recording.body));
  });

  test('entries that the simulated scheduler writes itself have the recorded shape', async () => {
    const recording = named('dlq_list_2');
    await open(recording.recordedAtMs);
    const stage = stageOf(recording);
    await ran(stage, {}, 'fail');
    await ran(stage, {}, 'failFatal');
    rejectApproval(sandbox.world, await ran(stage, { topic: 'job.bank-executors.process' }, 'succeed', undefined), 'no budget');

    expect(normalised((await ask(recording, recording.path)).body)).toEqual(normalised(recording.body));
  });

  test('an entry of a denied job and one without workers have the recorded shape', async () => {
    const recording = named('dlq_list_max_scheduling_retries');
    await open(recording.recordedAtMs);
    await deniedJob(stageOf(recording));
    await ran(stageOf(recording), { topic: 'job.default' }, 'succeed', undefined, 26 * 60_000);
    const items = (recording.body as { items: Json[] }).items;

    expect(normalised((await ask(recording, recording.path)).body)).toEqual(normalised({ items: [items[0] ?? null, items[4] ?? null] }));
  });

  test.each(['health_rate_limited_429', 'rate_limited_429_get', 'rate_limited_429_dlq_retry'])('%s, once the burst of a second is used up', async (name) => {
    const recording = named(name);
    await open(recording.recordedAtMs, 1);
    expect((await ask(recording, recording.path)).status).not.toBe(429);

    const answer = await ask(recording, recording.path);

    expect([answer.status, answer.body]).toEqual([recording.status, recording.body]);
    await clock.advance(1_000);
    expect((await ask(recording, recording.path)).status).not.toBe(429);
  });
});

describe('what was recorded of these subjects', () => {
  beforeEach(() => open(0));

  test('is played, or stands with its reason in the list of what is not', () => {
    const names = recordings.map((one) => one.name);
    expect(names.length).toBeGreaterThan(150);
    expect(names.filter((name) => !(name in CASES) && !(name in NOT_COVERED))).toEqual([]);
    expect(Object.keys(NOT_COVERED).filter((name) => !names.includes(name) || name in CASES)).toEqual([]);
  });
});
