/** What any service of this kind has loaded: Fastify, pino and prom-client, and nothing of ours. */
import fastify from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { pino } from 'pino';

const registry = new Registry();
collectDefaultMetrics({ register: registry });
const app = fastify({ loggerInstance: pino({ level: 'warn' }) });
app.get('/healthz', () => ({ status: 'ok' }));
app.get('/metrics', () => registry.metrics());
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
process.once('SIGTERM', () => process.exit(0));
