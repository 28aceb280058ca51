import { defineRead, succeed, z } from '#step-kit/index.ts';
import { Alertmanager } from '../system.ts';

export const statusGet = defineRead({
  name: 'alertmanager.status.get',
  summary: 'Says whether Alertmanager answers, since when it runs, and whether its cluster has settled.',
  input: z.object({}),
  output: z.object({
    healthy: z.boolean().describe('It answers, and its cluster is ready or it stands alone.'),
    reachable: z.boolean(),
    why: z.string().describe('Why it cannot be asked, else empty.'),
    version: z.string(),
    uptimeSeconds: z.int(),
    cluster: z.string().describe('`ready`, `settling`, or `disabled` when it stands alone.'),
    peers: z.int(),
    say: z.string(),
  }),
  examples: [{ title: 'Do notifications go out', with: {}, output: { healthy: true, reachable: true, why: '', version: '0.28.1', uptimeSeconds: 3_600, cluster: 'ready', peers: 2, say: 'Alertmanager 0.28.1 answers; its cluster of 2 is ready.' } }],
  async run(_input, ctx) {
    const answer = await ctx.use(Alertmanager).status({ signal: ctx.signal });
    if (!answer.ok) {
      if (answer.failure.reason === 'cancelled') return answer;
      return succeed({ healthy: false, reachable: false, why: answer.failure.message, version: '', uptimeSeconds: 0, cluster: '', peers: 0, say: answer.failure.message });
    }
    const { uptime, versionInfo, cluster } = answer.value.value;
    const state = cluster?.status ?? '';
    const healthy = state === 'ready' || state === 'disabled';
    const peers = cluster?.peers?.length ?? 0;
    const version = versionInfo?.version ?? '';
    const say = state === 'disabled' ? 'it stands alone' : state === 'ready' ? `its cluster of ${peers} is ready` : `its cluster is not ready (${state === '' ? 'it does not say' : state})`;
    return succeed({ healthy, reachable: true, why: '', version, uptimeSeconds: Math.max(0, Math.floor((answer.value.atMs - Date.parse(uptime)) / 1_000)), cluster: state, peers, say: `Alertmanager ${version} answers; ${say}.` });
  },
});
