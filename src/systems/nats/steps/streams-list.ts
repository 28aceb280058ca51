import { defineRead, succeed, z } from '#step-kit/index.ts';
import { readJetStream } from '../jetstream.ts';
import { noLeader, rowOfStream, streamProblem, streamRow } from '../streams.ts';
import { Nats } from '../system.ts';

export const streamsList = defineRead({
  name: 'nats.streams.list',
  summary: 'Lists the JetStream streams with their size, leader and replicas, and what is wrong with them.',
  input: z.object({
    /** Only the stream of this name. */
    stream: z.string().max(255).default(''),
    limit: z.int().min(1).max(500).default(100),
  }),
  output: z.object({
    items: z.array(streamRow),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
    /** There is at least one stream, and nothing is wrong with any. */
    healthy: z.boolean(),
    say: z.string(),
    /** `api`: JetStream answers. `monitor`: it does not, and this is what the servers hold. */
    source: z.string(),
    problems: z.array(streamProblem),
    /** Streams that exist and of which nobody answers: their numbers are not in `items`. */
    missing: z.array(z.object({ name: z.string() })),
  }),
  examples: [
    {
      title: 'One of three replicas is away',
      with: { stream: 'CORDUM_SYS' },
      output: {
        items: [
          {
            name: 'CORDUM_SYS',
            healthy: false,
            messages: 301,
            bytes: 98670,
            firstSeq: 1,
            lastSeq: 301,
            firstTime: '2026-11-20T19:16:18.842Z',
            lastTime: '2026-11-20T19:23:05.775Z',
            lastAgeSeconds: 1,
            consumers: 4,
            subjects: [{ subject: 'sys.>' }],
            retention: 'limits',
            storage: 'file',
            maxAgeSeconds: 604800,
            maxBytes: 0,
            replicas: 3,
            replicasOnline: 2,
            leader: 'nats-1',
            peers: [
              { name: 'nats-0', online: true, current: true, lag: 0, silentSeconds: 0 },
              { name: 'nats-2', online: false, current: false, lag: 7, silentSeconds: 42 },
            ],
          },
        ],
        total: 1,
        truncated: false,
        note: '',
        healthy: false,
        say: '1 of 3 replicas of CORDUM_SYS are away (nats-2); no other may fail, or it stops.',
        source: 'api',
        problems: [{ stream: 'CORDUM_SYS', code: 'replicaOffline', severity: 'warning', say: '1 of 3 replicas of CORDUM_SYS are away (nats-2); no other may fail, or it stops.' }],
        missing: [],
      },
    },
  ],
  async run({ stream, limit }, ctx) {
    const answer = await readJetStream(ctx.use(Nats), { consumers: false, stream }, { signal: ctx.signal });
    if (!answer.ok) return answer;
    const { streams, missingStreams, source, notes } = answer.value;
    const rows = streams.map((one) => rowOfStream(one, ctx.now()));
    const problems = [...missingStreams.map(noLeader), ...rows.flatMap((row) => row.problems)];
    const total = rows.length + missingStreams.length;
    const truncated = rows.length > limit || notes.length > 0;
    return succeed({
      items: rows.slice(0, limit).map(({ row }) => row),
      total,
      truncated,
      note: [...notes, ...(rows.length > limit ? [`${rows.length - limit} more streams are not shown.`] : [])].join(' '),
      healthy: total > 0 && problems.length === 0 && source === 'api',
      say: total === 0 ? `There is no stream${stream === '' ? '' : ' of that name'}.` : problems.length === 0 ? `${total} streams, each with a leader and all its replicas.` : problems.slice(0, 3).map(({ say }) => say).join(' '),
      source,
      problems: problems.slice(0, 200),
      missing: missingStreams.slice(0, 200).map((name) => ({ name })),
    });
  },
});
