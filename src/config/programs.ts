/** Where programs of this machine are. The search path is environment, so it is read here. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Debian puts nats-server where only root looks. */
const BESIDES = ['/usr/local/bin', '/usr/bin', '/usr/local/sbin', '/usr/sbin'];

/** The path of a program that can be run; undefined when there is none. */
export function findProgram(name: string, searchPath: string = process.env['PATH'] ?? ''): string | undefined {
  const folders = [...searchPath.split(delimiter).filter((folder) => isAbsolute(folder)), ...BESIDES];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
