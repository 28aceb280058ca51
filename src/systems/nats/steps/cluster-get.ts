import { defineRead, succeed, z } from '#step-kit/index.ts';
import { type AskedLeader, sayCluster, viewCluster } from '../cluster-view.ts';
import { Nats } from '../system.ts';

export const clusterGet = defineRead({
  name: 'nats.cluster.get',
  summary: 'Shows which NATS servers see each other, who leads JetStream, and whether it can decide anything (quorum).',
  input: z.object({}),
  output: z.object({
    /** Every expected server answers, sees all others, and JetStream (where it is on) has a leader that hears all of them. */
    healthy: z.boolean(),
    reachable: z.boolean(),
    say: z.string(),
    /** More than one server belongs together; false also when nothing could be seen. */
    clustered: z.boolean(),
    jetstream: z.boolean(),
    /** How many servers there should be: by configuration of the bot and of the servers, and by JetStream. */
    expected: z.int(),
    /** How many monitoring ports answer. */
    answering: z.int(),
    /** The most servers that see each other. */
    together: z.int(),
    /** On evidence: two servers that both answer us do not see each other, or two leaders are named. */
    partitioned: z.boolean(),
    /** `yes`, `no` or `unknown`: whether enough servers see each other for JetStream to work. */
    quorum: z.string(),
    quorumWhy: z.string(),
    metaLeader: z.string(),
    servers: z.array(
      z.object({
        address: z.string(),
        name: z.string(),
        reachable: z.boolean(),
        why: z.string(),
        /** Other servers that it sees. */
        peers: z.int(),
        /** Those that it should see and does not; empty when there are none. */
        missing: z.string(),
        /** Who leads JetStream in its eyes. */
        metaLeader: z.string(),
      }),
    ),
    /** Pairs of servers that both answer us, of which `from` does not see `to`. */
    gaps: z.array(z.object({ from: z.string(), to: z.string() })),
    /** The other members of JetStream as its leader hears them; empty when the leader could not be asked. */
    peers: z.array(z.object({ name: z.string(), online: z.boolean(), current: z.boolean(), lag: z.int(), silentSeconds: z.int() })),
  }),
  examples: [
    {
      title: 'One of three servers is gone',
      with: {},
      output: {
        healthy: false,
        reachable: true,
        say: '2 of 3 servers see each other. Not answering: nats-2:8222. The leader of JetStream does not hear nats-2. nats-1 leads JetStream and hears 1 of 2 others.',
        clustered: true,
        jetstream: true,
        expected: 3,
        answering: 2,
        together: 2,
        partitioned: false,
        quorum: 'yes',
        quorumWhy: 'nats-1 leads JetStream and hears 1 of 2 others.',
        metaLeader: 'nats-1',
        servers: [
          { address: 'nats-0:8222', name: 'nats-0', reachable: true, why: '', peers: 1, missing: '1 that we do not reach either', metaLeader: 'nats-1' },
          { address: 'nats-1:8222', name: 'nats-1', reachable: true, why: '', peers: 1, missing: '1 that we do not reach either', metaLeader: 'nats-1' },
          { address: 'nats-2:8222', name: '', reachable: false, why: 'NATS (nats-2:8222) did not answer /varz: nothing listens there: check that the server runs, and the address.', peers: 0, missing: '', metaLeader: '' },
        ],
        gaps: [],
        peers: [
          { name: 'nats-0', online: true, current: true, lag: 0, silentSeconds: 1 },
          { name: 'nats-2', online: false, current: false, lag: 12, silentSeconds: 42 },
        ],
      },
    },
  ],
  async run(_input, ctx) {
    const { bus, monitors } = ctx.use(Nats);
    const call = { signal: ctx.signal };
    const [answers, account] = await Promise.all([
      Promise.all(monitors.map(async (monitor) => {
        const [varz, routez, jsz] = await Promise.all([monitor.varz(call), monitor.routez(call), monitor.jsz(call)]);
        return { label: monitor.label, varz, routez, jsz };
      })),
      bus.account(call),
    ]);
    // "No responders" says that JetStream is off, not that it lacks a leader.
    const asked: AskedLeader = account.ok ? 'answers' : account.failure.message.includes('(10008)') ? 'none' : 'unknown';
    const view = viewCluster(answers, asked);
    const { servers, gaps, peers, reachable, ...rest } = view;
    const whole = reachable > 0 && reachable === monitors.length && gaps.length === 0 && view.together >= view.expected && servers.every((server) => server.missing === '');
    return succeed({
      ...rest,
      healthy: whole && (!view.jetstream || (view.quorum === 'yes' && !view.partitioned && peers.every((peer) => peer.online))),
      reachable: reachable > 0 || account.ok,
      answering: reachable,
      say: monitors.length === 0 ? `No monitoring addresses are configured (nats.monitorUrl), so who sees whom is unknown. ${view.quorumWhy}` : sayCluster(view),
      servers: [...servers],
      gaps: [...gaps],
      peers: [...peers],
    });
  },
});
