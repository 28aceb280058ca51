import type { CertificateFacts } from '#kernel/certificate.ts';
import { NO_CERTIFICATE } from '#kernel/certificate.ts';
import { CONNECTION_CAUSES } from '#kernel/network.ts';
import { defineRead, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import type { HttpClient, TlsEndpoint } from '../client.ts';
import { Http } from '../system.ts';

/** A gateway that is being restarted must not be asked by all at once. */
const AT_ONCE = 8;

const shownEndpoint = z.object({
  endpoint: z.string().describe('As in the series of the exporter: `cordum`, `redis`, `nats`, `grpc/NAME`, `redis/HOST:PORT`, `nats/HOST:PORT`.'),
  address: z.string(),
  reachable: z.boolean().describe('A handshake came about.'),
  cause: z.enum(['ok', ...CONNECTION_CAUSES]).describe('Why there was no handshake; `ok` when there was.'),
  why: z.string().describe('The same in words, or why the certificate is not trusted; empty when neither is so.'),
  seen: z.boolean().describe('It showed a certificate; without one nothing below says anything.'),
  good: z.boolean().describe('Seen, within its time, for the name, trusted, and not expiring soon.'),
  expired: z.boolean(),
  notYetValid: z.boolean(),
  expiresSoon: z.boolean().describe('Seen, and expired or with less than `soonDays` left.'),
  nameMatches: z.boolean(),
  trusted: z.boolean().describe('By the authority that the target names for it, else by those of the bot\'s machine.'),
  subject: z.string(),
  issuer: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  daysLeft: z.int().describe('0 when none was seen; negative once it has expired.'),
  ageDays: z.int().describe('Since its `notBefore`: how long ago it was rotated.'),
  chainDaysLeft: z.int().describe('Of what ends first above it, as far as the server sent it; its own where it sent nothing.'),
  say: z.string(),
});
type Shown = z.output<typeof shownEndpoint>;

export const certificatesList = defineRead({
  name: 'http.certificates.list',
  summary: "Looks at the certificates that the target's own addresses with TLS show (Cordum, gRPC, Redis, NATS): handshakes and nothing else.",
  input: z.object({
    soonDays: z.int().min(1).max(3_650).default(30).describe('With fewer days left than this one `expiresSoon`.'),
    withinMs: z.int().min(100).max(20_000).default(5_000).describe('For each handshake.'),
  }),
  output: z.object({
    items: z.array(shownEndpoint).describe('What ends first comes first; what was not seen comes last.'),
    total: z.int().describe('0: no address of the target speaks TLS, by its configuration.'),
    seen: z.int(),
    unseen: z.int(),
    expired: z.int(),
    expiringSoon: z.int(),
    allGood: z.boolean().describe('There is at least one, and each is good.'),
    soonestDays: z.int().describe('Of those that were seen; 0 when none was.'),
    say: z.string(),
  }),
  examples: [
    {
      title: 'What expires within three weeks',
      with: { soonDays: 21 },
      output: {
        items: [
          {
            endpoint: 'cordum', address: 'cordum-api-gateway:8081', reachable: true, cause: 'ok', why: '', seen: true, good: false, expired: false, notYetValid: false, expiresSoon: true, nameMatches: true, trusted: true,
            subject: 'CN=cordum-api-gateway', issuer: 'CN=Cordum CA', notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2026-11-30T00:00:00.000Z', daysLeft: 9, ageDays: 324, chainDaysLeft: 9,
            say: 'cordum: 9 days left.',
          },
        ],
        total: 1, seen: 1, unseen: 0, expired: 0, expiringSoon: 1, allGood: false, soonestDays: 9, say: '1 of 1 certificates seen; the first ends in 9 days (cordum).',
      },
    },
  ],
  timeoutMs: 60_000,
  async run(input, ctx) {
    const client = ctx.use(Http);
    const queue = [...client.endpoints];
    const items: Shown[] = [];
    const failures: Result<never>[] = [];
    const worker = async (): Promise<void> => {
      for (let endpoint = queue.shift(); endpoint !== undefined; endpoint = queue.shift()) {
        const shown = await lookAt(client, endpoint, input, ctx);
        if (shown.ok) items.push(shown.value);
        else failures.push(shown);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, worker));
    const [failed] = failures;
    if (failed !== undefined) return failed;
    items.sort((a, b) => Number(b.seen) - Number(a.seen) || a.daysLeft - b.daysLeft || (a.endpoint < b.endpoint ? -1 : 1));
    const seen = items.filter((one) => one.seen);
    const [first] = seen;
    return succeed({
      items,
      total: items.length,
      seen: seen.length,
      unseen: items.length - seen.length,
      expired: items.filter((one) => one.expired).length,
      expiringSoon: items.filter((one) => one.expiresSoon).length,
      allGood: items.length > 0 && items.every((one) => one.good),
      soonestDays: first?.daysLeft ?? 0,
      say: items.length === 0
        ? 'No address of the target speaks TLS, by its configuration.'
        : `${seen.length} of ${items.length} certificates seen${first === undefined ? '.' : `; the first ${first.expired ? 'has ended' : `ends in ${first.daysLeft} days`} (${first.endpoint}).`}`,
    });
  },
});

async function lookAt(client: HttpClient, endpoint: TlsEndpoint, { soonDays, withinMs }: { readonly soonDays: number; readonly withinMs: number }, ctx: StepContext): Promise<Result<Shown>> {
  const read = await client.endpointCertificate(endpoint, { timeoutMs: withinMs, signal: ctx.signal });
  if (!read.ok && read.failure.reason === 'cancelled') return read;
  const place = { endpoint: endpoint.name, address: `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}` };
  // One address that is never asked (link-local, say) must not hide the others.
  if (!read.ok) return succeed(unseen(place, 'noRoute', read.failure.message.replace(/\.$/, '')));
  if (!read.value.reachable) return succeed(unseen(place, read.value.cause, read.value.why));
  const { facts, chain, shown } = read.value.value;
  if (!facts.seen) return succeed({ ...unseen(place, 'ok', 'it showed no certificate'), reachable: true });
  const notYetValid = Date.parse(facts.notBefore) > ctx.now();
  const expiresSoon = facts.expired || facts.daysLeft < soonDays;
  const trusted = shown.distrust === undefined || (facts.expired && shown.distrust.cause === 'tlsExpired');
  const why = trusted ? '' : (shown.distrust?.say ?? '');
  return succeed({
    ...place,
    reachable: true,
    cause: 'ok' as const,
    why,
    ...ownFacts(facts),
    good: !expiresSoon && !notYetValid && shown.nameMatches && trusted,
    notYetValid,
    expiresSoon,
    nameMatches: shown.nameMatches,
    trusted,
    ageDays: Math.floor((ctx.now() - Date.parse(facts.notBefore)) / 86_400_000) || 0,
    chainDaysLeft: Math.min(facts.daysLeft, ...chain.filter((one) => one.seen).map((one) => one.daysLeft)),
    say: sentence(place.endpoint, facts, { notYetValid, nameMatches: shown.nameMatches, why }),
  });
}

function ownFacts({ seen, expired, subject, issuer, notBefore, notAfter, daysLeft }: CertificateFacts): Pick<Shown, 'seen' | 'expired' | 'subject' | 'issuer' | 'notBefore' | 'notAfter' | 'daysLeft'> {
  return { seen, expired, subject, issuer, notBefore, notAfter, daysLeft };
}

function unseen(place: { endpoint: string; address: string }, cause: Shown['cause'], why: string): Shown {
  return {
    ...place, reachable: false, cause, why, ...ownFacts(NO_CERTIFICATE), good: false, notYetValid: false, expiresSoon: false, nameMatches: false, trusted: false, ageDays: 0, chainDaysLeft: 0,
    say: `${place.endpoint} (${place.address}): ${why}.`,
  };
}

function sentence(name: string, facts: CertificateFacts, { notYetValid, nameMatches, why }: { readonly notYetValid: boolean; readonly nameMatches: boolean; readonly why: string }): string {
  const time = facts.expired ? `ended on ${facts.notAfter.slice(0, 10)}` : notYetValid ? `not valid before ${facts.notBefore}` : `${facts.daysLeft} day${facts.daysLeft === 1 ? '' : 's'} left`;
  return `${name}: ${time}${nameMatches ? '' : ', for another name'}${why === '' ? '' : `; ${why}`}.`;
}
