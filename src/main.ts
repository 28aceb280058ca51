/** The process: configuration → app → signals. Nothing else. */
import { enableCompileCache } from 'node:module';
import { parseArgs } from 'node:util';

enableCompileCache();

const { values } = parseArgs({ options: { config: { type: 'string' } } });
const stopped = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
});
const { startBot } = await import('#app/start.ts');
process.exitCode = await startBot({ configPath: values.config, stopped, say: (line) => process.stderr.write(`${line}\n`) });
