import { defineRead, succeed, z } from '#step-kit/index.ts';
import { CAUSES, STATUSES } from '../diagnosis.ts';
import { GrpcHealth } from '../system.ts';

export const healthCheck = defineRead({
  name: 'grpc.health.check',
  summary: 'Asks a gRPC service of the target for its health (grpc.health.v1), and when it cannot be asked says which cause holds.',
  input: z.object({
    service: z.string().min(1).max(100).describe('The name of the service in the target\'s `grpc` list, such as `safety-kernel`.'),
    part: z.string().max(200).default('').describe('The service name within the server; empty: the server as a whole.'),
    slowMs: z.int().min(1).max(60_000).default(1_000).describe('An answer that takes longer is `slow`.'),
    withinMs: z.int().min(100).max(20_000).default(5_000).describe('No answer within this, asked twice, is a `timeout`.'),
  }),
  output: z.object({
    healthy: z.boolean().describe('It says SERVING. It may still be `slow`.'),
    reachable: z.boolean().describe('A gRPC server answered, whatever it said.'),
    status: z.enum(STATUSES),
    cause: z.enum(CAUSES).describe('Which cause holds; `ok` only when it serves.'),
    latencyMs: z.int().describe('Of the check with its connection; with that of a first one that was not answered in time.'),
    slow: z.boolean(),
    address: z.string(),
    tls: z.boolean().describe('Whether the target has TLS configured for it.'),
    certificate: z
      .object({ seen: z.boolean(), subject: z.string(), issuer: z.string(), names: z.array(z.object({ name: z.string() })), notBefore: z.string(), notAfter: z.string(), daysLeft: z.int(), secondsLeft: z.int(), expired: z.boolean() })
      .describe('What it showed, trusted or not; look at `seen` first.'),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Is the safety kernel alive',
      with: { service: 'safety-kernel', slowMs: 500 },
      output: {
        healthy: false, reachable: false, status: 'unreachable', cause: 'tlsNameMismatch', latencyMs: 14, slow: false, address: 'cordum-safety-kernel:50051', tls: true,
        certificate: { seen: true, subject: 'CN=safety-kernel', issuer: 'CN=Cordum CA', names: [{ name: 'safety-kernel' }], notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2027-01-01T00:00:00.000Z', daysLeft: 41, secondsLeft: 3_600_000, expired: false },
        say: 'safety-kernel is not to be trusted: its certificate is for another name (check the address, or give tls.serverName) (ERR_TLS_CERT_ALTNAME_INVALID).',
      },
    },
  ],
  async run(input, ctx) {
    const checked = await ctx.use(GrpcHealth).check(input.service, { service: input.part, timeoutMs: input.withinMs, signal: ctx.signal });
    if (!checked.ok) return checked;
    const { status, latencyMs, certificate, say } = checked.value;
    const reachable = status !== 'unreachable';
    const slow = reachable && latencyMs > input.slowMs;
    return succeed({
      ...checked.value,
      certificate: { ...certificate, names: [...certificate.names] },
      healthy: status === 'SERVING',
      reachable,
      slow,
      say: slow ? `${say} It took ${latencyMs} ms, which is slow.` : say,
    });
  },
});
