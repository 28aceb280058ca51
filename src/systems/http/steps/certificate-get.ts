import { defineRead, succeed, z } from '#step-kit/index.ts';
import { NO_CERTIFICATE } from '#kernel/certificate.ts';
import { CONNECTION_CAUSES } from '#kernel/network.ts';
import { Http } from '../system.ts';

const ENDPOINT = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?:[1-9]\d{0,4})$/;
const names = z.array(z.object({ name: z.string() }));

export const certificateGet = defineRead({
  name: 'http.certificate.get',
  summary: 'Looks at the certificate that a port shows: a TLS handshake and nothing else. For the gateway, gRPC, Redis and NATS alike.',
  input: z.object({
    endpoint: z.string().max(300).regex(ENDPOINT, 'expected HOST:PORT').describe('`HOST:PORT`; it must stand in the target\'s `http.allow`.'),
    serverName: z.string().max(253).default('').describe('The name that the certificate must carry, where it is not the host.'),
    greeting: z.enum(['none', 'nats']).default('none').describe('`nats`: the server speaks first and then TLS (NATS without tls first).'),
    soonDays: z.int().min(1).max(3_650).default(30).describe('With fewer days left than this it `expiresSoon`.'),
    withinMs: z.int().min(100).max(20_000).default(5_000),
  }),
  output: z.object({
    reachable: z.boolean().describe('A handshake came about.'),
    cause: z.enum(['ok', ...CONNECTION_CAUSES]).describe('Why there was no handshake; `ok` when there was.'),
    seen: z.boolean().describe('It showed a certificate; without one nothing below says anything.'),
    valid: z.boolean().describe('Seen, within its time, and for the name. Trust is a matter of its own.'),
    expired: z.boolean(),
    expiresSoon: z.boolean().describe('Seen, and expired or with less than `soonDays` left.'),
    nameMatches: z.boolean(),
    trusted: z.boolean().describe('The authorities of the bot\'s machine trust it. A private authority is not among them.'),
    problem: z.string().describe('Why it is not trusted, else empty.'),
    subject: z.string(),
    issuer: z.string(),
    names,
    notBefore: z.string(),
    notAfter: z.string(),
    daysLeft: z.int().describe('0 when none was seen; negative once it has expired.'),
    chain: z.array(z.object({ subject: z.string(), issuer: z.string(), notAfter: z.string(), daysLeft: z.int() })).describe('From the certificate itself upward, as far as the server sent it.'),
    protocol: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'How long does the certificate of the gateway last',
      with: { endpoint: 'cordum-api-gateway:8081' },
      output: {
        reachable: true, cause: 'ok', seen: true, valid: true, expired: false, expiresSoon: false, nameMatches: true, trusted: false, problem: 'its certificate comes from an authority that is not trusted',
        subject: 'CN=cordum-api-gateway', issuer: 'CN=Cordum CA', names: [{ name: 'cordum-api-gateway' }], notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2027-01-01T00:00:00.000Z', daysLeft: 41,
        chain: [{ subject: 'CN=cordum-api-gateway', issuer: 'CN=Cordum CA', notAfter: '2027-01-01T00:00:00.000Z', daysLeft: 41 }], protocol: 'TLSv1.3', say: 'The certificate of cordum-api-gateway:8081 lasts 41 days more.',
      },
    },
  ],
  async run(input, ctx) {
    const at = input.endpoint.lastIndexOf(':');
    const port = Number(input.endpoint.slice(at + 1));
    const read = await ctx.use(Http).certificate(input.endpoint.slice(0, at), port, { serverName: input.serverName, greeting: input.greeting, timeoutMs: input.withinMs, signal: ctx.signal });
    if (!read.ok) return read;
    if (!read.value.reachable) {
      const { cause, why } = read.value;
      return succeed({ ...factsOf(NO_CERTIFICATE), reachable: false, cause, valid: false, expiresSoon: false, nameMatches: false, trusted: false, problem: why, chain: [], protocol: '', say: `The certificate of ${input.endpoint} cannot be seen: ${why}.` });
    }
    const { facts, chain, shown } = read.value.value;
    const begun = Date.parse(facts.notBefore) <= ctx.now();
    return succeed({
      ...factsOf(facts),
      reachable: true,
      cause: 'ok' as const,
      valid: facts.seen && !facts.expired && begun && shown.nameMatches,
      expiresSoon: facts.seen && (facts.expired || facts.daysLeft < input.soonDays),
      nameMatches: facts.seen && shown.nameMatches,
      trusted: facts.seen && shown.distrust === undefined,
      problem: shown.distrust?.say ?? '',
      chain: chain.map(({ subject, issuer, notAfter, daysLeft }) => ({ subject, issuer, notAfter, daysLeft })),
      protocol: shown.protocol,
      say: say(input.endpoint, facts, shown.nameMatches),
    });
  },
});

type Facts = typeof NO_CERTIFICATE;

function factsOf({ seen, subject, issuer, names: shown, notBefore, notAfter, daysLeft, expired }: Facts) {
  return { seen, subject, issuer, names: [...shown], notBefore, notAfter, daysLeft, expired };
}

function say(endpoint: string, facts: Facts, nameMatches: boolean): string {
  if (!facts.seen) return `${endpoint} showed no certificate.`;
  const name = nameMatches ? '' : ' It is for another name.';
  if (facts.expired) return `The certificate of ${endpoint} expired on ${facts.notAfter}.${name}`;
  return `The certificate of ${endpoint} lasts ${facts.daysLeft} day${facts.daysLeft === 1 ? '' : 's'} more.${name}`;
}
