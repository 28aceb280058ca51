/** The bot's own webhook with nothing behind it: HTTP, credential, JSON and schema, and then 200 at once. What storing adds is the rest. */
import { systemClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import type { Operations } from '#operations/operations.ts';
import { alertmanagerRoutes } from '#surfaces/alertmanager/routes.ts';
import { createHttpServer } from '#surfaces/http/server.ts';
import { createMetrics } from '#telemetry/metrics.ts';
import { WEBHOOK_TOKEN } from '../kit/bot.ts';
import { tellResult } from '../kit/process.ts';

const metrics = createMetrics();
// No path of the API is asked for, so no other operation is ever called.
const operations = { receiveAlerts: async () => ({ accepted: 3, duplicates: 0, incidents: ['inc_01jd7qj2vw3x8b6f0q0v5m2a1c'] }) } as unknown as Operations;
const server = await createHttpServer({
  listen: { host: '127.0.0.1', port: 0 },
  operations,
  authenticate: async () => ({ ok: false, because: 'nobody is known here' }),
  clock: systemClock,
  log: silentLog,
  version: '0',
  metrics: { contentType: metrics.contentType, text: () => metrics.text(), observeRequest: (request) => metrics.observeRequest(request) },
  plugins: [alertmanagerRoutes({ operations, auth: { bearerToken: new Secret(WEBHOOK_TOKEN) }, clock: systemClock, log: silentLog })],
});
tellResult({ url: await server.listen() });
process.once('SIGTERM', () => process.exit(0));
