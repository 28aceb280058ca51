import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { bundleSnapshot } from '../policy-records.ts';
import { Cordum } from '../system.ts';

export const policySnapshots = defineRead({
  name: 'cordum.policy.snapshots',
  summary: 'Lists the policies that the safety kernel has served, by hash, and the snapshots of the bundles that one can roll back to.',
  input: z.object({}),
  output: z.object({
    /** What the kernel serves now; empty when it has served nothing, or could not be asked. */
    current: z.string(),
    /** Whether the kernel could be asked; `note` says why not. */
    kernelSeen: z.boolean(),
    kernel: z.array(z.object({ hash: z.string(), current: z.boolean() })),
    /** Newest first. Cordum keeps ten. */
    bundles: z.array(bundleSnapshot),
    /** Whether the snapshots of the bundles could be read; `note` says why not. */
    bundlesSeen: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What one can roll back to',
      with: {},
      output: {
        current: '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101',
        kernelSeen: true,
        kernel: [{ hash: '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101', current: true }],
        bundles: [{ id: '2026-11-20T19:19:59Z-d320eda40f', createdAt: '2026-11-20T19:19:59.000Z', note: 'rec' }],
        bundlesSeen: true,
        note: '',
      },
    },
  ],
  async run(_input, ctx) {
    const client = ctx.use(Cordum);
    const call = { signal: ctx.signal };
    const [kernel, bundles] = await Promise.all([patiently(ctx, () => client.kernelSnapshots(call)), patiently(ctx, () => client.bundleSnapshots(call))]);
    // A kernel that is down is when one looks for a policy to go back to, and the snapshots of the bundles are not stored there.
    if (!kernel.ok && !bundles.ok) return kernel;
    const hashes = kernel.ok ? kernel.value : [];
    return succeed({
      current: hashes[0] ?? '',
      kernelSeen: kernel.ok,
      kernel: hashes.map((hash, at) => ({ hash, current: at === 0 })),
      bundles: bundles.ok ? [...bundles.value] : [],
      bundlesSeen: bundles.ok,
      note: !kernel.ok ? kernel.failure.message : bundles.ok ? '' : bundles.failure.message,
    });
  },
});
