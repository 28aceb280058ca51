import { describe, expect, it } from 'vitest';
import { dlqPageAnswer, jobAnswer, jobsAnswer, readyzAnswer, retryAnswer, statusAnswer, topicsAnswer, traceAnswer, workersAnswer } from '#systems/cordum/schema.ts';
import { recordedBody, recording, recordingNames } from '../../../kit/cordum-replay.ts';

const SCHEMAS = [
  [/^GET \/api\/v1\/dlq(\/page)?(\?|$)/, dlqPageAnswer],
  [/^POST \/api\/v1\/dlq\/[^/]+\/retry$/, retryAnswer],
  [/^GET \/api\/v1\/jobs(\?|$)/, jobsAnswer],
  [/^GET \/api\/v1\/jobs\/[^/]+$/, jobAnswer],
  [/^GET \/api\/v1\/traces\//, traceAnswer],
  [/^GET \/api\/v1\/status$/, statusAnswer],
  [/^GET \/api\/v1\/workers$/, workersAnswer],
  [/^GET \/api\/v1\/topics$/, topicsAnswer],
] as const;

describe('the schemas', () => {
  it.each(SCHEMAS.map(([path, schema]) => ({ path, schema })))('read every recorded answer of $path', ({ path, schema }) => {
    const answers = recordingNames().map(recording).filter((one) => one.status === 200 && path.test(`${one.method} ${one.path}`));
    expect(answers.length).toBeGreaterThan(0);
    for (const one of answers) expect(schema.safeParse(JSON.parse(one.body)).error, one.name).toBeUndefined();
  });

  it('read what Cordum leaves out as empty, and null lists as empty lists', () => {
    expect(jobAnswer.parse({ id: 'a' })).toMatchObject({ jobId: 'a', state: '', contextPresent: false, processedBy: '', labels: [], errorCode: '' });
    expect(dlqPageAnswer.parse({ items: null })).toEqual({ items: [] });
    expect(dlqPageAnswer.parse({ items: [{ job_id: 'a' }] }).items[0]).toMatchObject({ reasonCode: '', attempts: 0, createdAt: '', createdAtMs: 0 });
    expect(statusAnswer.parse({})).toMatchObject({ natsConnected: false, redisOk: false });
  });

  it('refuse what has no id, rather than invent one', () => {
    for (const [schema, body] of [[dlqPageAnswer, { items: [{}] }], [jobAnswer, {}], [retryAnswer, {}], [retryAnswer, { job_id: '' }], [traceAnswer, { items: [] }], [dlqPageAnswer, []]] as const) {
      expect(schema.safeParse(body).success).toBe(false);
    }
  });

  it('tell an input that is lost from one that is there, whatever it looks like', () => {
    expect(jobAnswer.parse(recordedBody('job_get_dlq_retry_ctx_expired')).contextPresent).toBe(false);
    for (const context of [{}, [], 'text', 0, false]) expect(jobAnswer.parse({ id: 'a', context }).contextPresent).toBe(true);
  });

  it('keep the labels that speak against a retry, however many stand before them', () => {
    const crowd = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`l${n}`, 'v']));
    const read = jobAnswer.parse({ id: 'a', labels: { ...crowd, approval_granted: 'true', retry_of_job: 'b' } }).labels;
    expect(read).toHaveLength(100);
    expect(read.slice(0, 2)).toEqual([{ name: 'approval_granted', value: 'true' }, { name: 'retry_of_job', value: 'b' }]);
  });

  it('leave out the labels in which v0.9.9 keeps the input of a job, and cut long ones', () => {
    const read = jobAnswer.parse({ id: 'a', labels: { '_content.prompt': 'a secret', '_content.payload_json': '{"iban":"DE00"}', _source: 'api', long: 'x'.repeat(5_000) } }).labels;
    expect(read.map(({ name, value }) => [name, value.length])).toEqual([['_source', 3], ['long', 1_000]]);
  });

  it('keep hostile labels and results inert', () => {
    const hostile = JSON.parse('{"id":"a","labels":{"__proto__":"x","constructor":{"y":1}},"result":"not an object"}') as unknown;
    const read = jobAnswer.parse(hostile);
    expect(read.labels).toEqual([{ name: '__proto__', value: 'x' }, { name: 'constructor', value: '{"y":1}' }]);
    expect(read.processedBy).toBe('');
    expect(jobAnswer.parse({ id: 'a', labels: Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`l${n}`, 'v'])) }).labels).toHaveLength(100);
  });

  it('read readiness checks in either of their shapes', () => {
    expect(readyzAnswer.parse({ status: 'degraded', checks: { redis: 'error', nats: { status: 'ok' }, odd: 7 } })).toEqual({
      status: 'degraded',
      checks: [{ name: 'redis', status: 'error' }, { name: 'nats', status: 'ok' }, { name: 'odd', status: '7' }],
    });
  });
});
