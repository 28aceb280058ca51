import { defineRead, succeed, z } from '#step-kit/index.ts';
import { licenseFacts } from '../license.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const usage = z.object({
  name: z.string(),
  /** −1 where Cordum counts nothing. */
  current: z.int(),
  /** 0: no limit. */
  allowed: z.int(),
  limited: z.boolean(),
  /** 0 to 100 and above; 0 where there is no limit or no count. */
  percent: z.int(),
  atLimit: z.boolean(),
});

export const licenseGet = defineRead({
  name: 'cordum.license.get',
  summary: "Reads Cordum's licence: plan, when it ends, and how much of its limits is used.",
  input: z.object({}),
  output: z.object({
    plan: z.string(),
    mode: z.string(),
    status: z.string(),
    /** Cordum's word: `active`, `valid`, `warning`, `grace`, `degraded` and the like. */
    expiryStatus: z.string(),
    licenseId: z.string(),
    /** In order by Cordum's word, and its time has not passed. */
    valid: z.boolean(),
    /** False for a licence without an end, as Community. */
    expires: z.boolean(),
    expiresAt: z.string(),
    /** Negative once it has passed; 99999 for a licence without an end. */
    daysLeft: z.int(),
    usage: z.array(usage),
    /** Whether the usage could be read; `note` says why not. */
    usageSeen: z.boolean(),
    /** How many limits are reached. */
    limitsReached: z.int(),
    note: z.string(),
    /** One sentence for a person. */
    say: z.string(),
  }),
  examples: [
    {
      title: 'How long the licence lasts, and what it limits',
      with: {},
      output: {
        plan: 'community', mode: 'community', status: 'active', expiryStatus: 'active', licenseId: '', valid: true, expires: false, expiresAt: '', daysLeft: 99_999,
        usage: [{ name: 'concurrent_jobs', current: 3, allowed: 3, limited: true, percent: 100, atLimit: true }],
        usageSeen: true, limitsReached: 1, note: '', say: 'The licence (community) is active and does not end. At its limit: concurrent_jobs.',
      },
    },
  ],
  async run(_input, ctx) {
    const client = ctx.use(Cordum);
    const call = { signal: ctx.signal };
    const [license, used] = await Promise.all([patiently(ctx, () => client.license(call)), patiently(ctx, () => client.licenseUsage(call))]);
    if (!license.ok) return license;
    const { plan, mode, status, expiryStatus, licenseId, expiresAt } = license.value;
    const facts = licenseFacts(license.value, ctx.now());
    const rows = (used.ok ? used.value : []).map(({ name, current, allowed }) => {
      const limited = allowed > 0;
      return { name, current, allowed, limited, percent: limited && current > 0 ? Math.round((current / allowed) * 100) : 0, atLimit: limited && current >= allowed };
    });
    const reached = rows.filter((row) => row.atLimit).map((row) => row.name);
    const end = !facts.expires ? 'does not end' : facts.daysLeft < 0 ? `ended on ${expiresAt.slice(0, 10)}` : `ends in ${facts.daysLeft} days, on ${expiresAt.slice(0, 10)}`;
    return succeed({
      plan, mode, status, expiryStatus, licenseId, expiresAt,
      ...facts,
      usage: rows,
      usageSeen: used.ok,
      limitsReached: reached.length,
      note: used.ok ? '' : used.failure.message,
      say: `The licence (${plan || 'plan unknown'}) is ${expiryStatus || status || 'in an unknown state'} and ${end}.${reached.length === 0 ? '' : ` At its limit: ${reached.join(', ')}.`}`,
    });
  },
});
