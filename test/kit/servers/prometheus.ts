import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { requireServer } from './find.ts';
import { startServer } from './server.ts';
import type { RealServer } from './server.ts';

export interface PrometheusOptions {
  /** The text of prometheus.yml. Rule files are named relative to it: `rule_files: [rules.yml]`. */
  readonly config: string;
  /** Files beside it, by name: rules, secrets. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further flags. */
  readonly flags?: readonly string[];
  readonly port?: number;
}

export interface Prometheus extends RealServer {
  /** An instant query. Each sample is its labels and its value. */
  query(expression: string): Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
  /** Alerts that are pending or firing now, by name. */
  alerts(): Promise<readonly { readonly name: string; readonly state: string }[]>;
}

const QueryAnswer = z.object({
  data: z.object({ result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })) }),
});
const AlertsAnswer = z.object({ data: z.object({ alerts: z.array(z.object({ state: z.string(), labels: z.record(z.string(), z.string()) })) }) });

/** A real Prometheus, ready to answer. Skips the test (fails it under `CI=true`) when there is none on PATH. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const server = await startServer({
    what: 'Prometheus',
    command: requireServer('prometheus'),
    readyPath: '/-/ready',
    prepare: async (directory) => {
      await writeFile(join(directory, 'prometheus.yml'), options.config);
      for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(directory, name), text);
    },
    args: (directory, port) => [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(options.flags ?? []),
    ],
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  return {
    ...server,
    query: async (expression) => {
      const { data } = QueryAnswer.parse(await getJson(`${server.url}/api/v1/query?query=${encodeURIComponent(expression)}`));
      return data.result.map((sample) => ({ labels: sample.metric, value: Number(sample.value[1]) }));
    },
    alerts: async () => {
      const { data } = AlertsAnswer.parse(await getJson(`${server.url}/api/v1/alerts`));
      return data.alerts.map((alert) => ({ name: alert.labels['alertname'] ?? '', state: alert.state }));
    },
  };
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
