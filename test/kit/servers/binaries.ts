import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The real programs that tests run on. Debian calls Alertmanager differently from its makers. */
export const SERVERS = {
  prometheus: { binaries: ['prometheus'], debianPackage: 'prometheus' },
  alertmanager: { binaries: ['alertmanager', 'prometheus-alertmanager'], debianPackage: 'prometheus-alertmanager' },
  redis: { binaries: ['redis-server'], debianPackage: 'redis-server' },
  nats: { binaries: ['nats-server'], debianPackage: 'nats-server' },
  promtool: { binaries: ['promtool'], debianPackage: 'prometheus' },
  openssl: { binaries: ['openssl'], debianPackage: 'openssl' },
  chromium: { binaries: ['chromium', 'chromium-browser', 'google-chrome'], debianPackage: 'chromium' },
} as const;
export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** Where Debian puts servers, and what the PATH of a plain user leaves out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The absolute path of a server's program, or undefined when PATH (as given; by default our own, then the system's folders) has none. */
export function findServer(name: ServerName, path: string = [process.env['PATH'] ?? '', ...SYSTEM_FOLDERS].join(delimiter)): string | undefined {
  for (const binary of SERVERS[name].binaries) {
    const found = onPath(binary, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The absolute path of a program on PATH. node_modules/.bin is left out: an npm package may have a server's name. */
export function onPath(binary: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.endsWith(join('node_modules', '.bin')))
    .map((folder) => join(folder, binary))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
