import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireServer } from './find.ts';
import { freePort } from './port.ts';
import { startServer } from './server.ts';
import type { RealServer } from './server.ts';

export interface AlertmanagerOptions {
  /** The text of alertmanager.yml. */
  readonly config: string;
  /** Files beside it, by name: the bearer token of a receiver. */
  readonly files?: Readonly<Record<string, string>>;
  /** Cluster addresses of peers to join. Given, even when empty, it opens a cluster port; absent, the server stands alone. */
  readonly peers?: readonly string[];
  /** Further flags. */
  readonly flags?: readonly string[];
  readonly port?: number;
}

export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly startsAt?: string;
  /** ISO 8601; in the past it resolves the alert. */
  readonly endsAt?: string;
  readonly generatorURL?: string;
}

export interface Alertmanager extends RealServer {
  /** `127.0.0.1:PORT` for the `peers` of another, when it has a cluster port. */
  readonly clusterAddress: string | undefined;
  /** As Prometheus would send them. */
  post(alerts: readonly PostedAlert[]): Promise<void>;
}

/** A real Alertmanager, ready to answer. Skips the test (fails it under `CI=true`) when there is none on PATH. */
export async function startAlertmanager(options: AlertmanagerOptions): Promise<Alertmanager> {
  const clusterAddress = options.peers === undefined ? undefined : `127.0.0.1:${await freePort()}`;
  const server = await startServer({
    what: 'Alertmanager',
    command: requireServer('alertmanager'),
    readyPath: '/-/ready',
    prepare: async (directory) => {
      await writeFile(join(directory, 'alertmanager.yml'), options.config);
      for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(directory, name), text);
    },
    args: (directory, port) => [
      `--config.file=${join(directory, 'alertmanager.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--cluster.listen-address=${clusterAddress ?? ''}`,
      ...(options.peers ?? []).map((peer) => `--cluster.peer=${peer}`),
      ...(options.flags ?? []),
    ],
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  return {
    ...server,
    clusterAddress,
    post: async (alerts) => {
      const response = await fetch(`${server.url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts),
        signal: AbortSignal.timeout(5_000),
      });
      if (!response.ok) throw new Error(`Alertmanager answered ${response.status}: ${await response.text()}`);
    },
  };
}
