import { SERVERS, SERVER_NAMES } from '../../test/kit/servers/binaries.ts';
import type { ServerName } from '../../test/kit/servers/binaries.ts';

/** What the machine is and can do, so that the decision can be tested without one. */
export interface Machine {
  find(name: ServerName): string | undefined;
  /** Why Debian packages may not be installed here; undefined when they may. */
  mayNotInstall(): string | undefined;
  /** Fetches the lists of packages. */
  update(): Promise<Ran>;
  install(debianPackages: readonly string[]): Promise<Ran>;
  say(line: string): void;
}

export type Ran = { readonly ok: true } | { readonly ok: false; readonly because: string };

export interface LeftOut {
  readonly name: ServerName;
  readonly because: string;
}

/** Finds the servers that tests need, installs the missing ones where it may, and answers which are left out and why. */
export async function ensureServers(machine: Machine): Promise<readonly LeftOut[]> {
  const missing = SERVER_NAMES.filter((name) => machine.find(name) === undefined);
  if (missing.length === 0) return [];
  const refusal = machine.mayNotInstall();
  if (refusal !== undefined) return missing.map((name) => ({ name, because: `not on PATH, and not installed: ${refusal}` }));
  // One package may bring several programs.
  const packages = [...new Set(missing.map((name) => SERVERS[name].debianPackage))];
  machine.say(`installing ${packages.join(', ')} from Debian packages`);
  const updated = await machine.update();
  // Old lists may still do, so a failed update is reported and the installation tried.
  if (!updated.ok) machine.say(`the lists of packages could not be fetched: ${updated.because}`);
  const together = await machine.install(packages);
  if (together.ok) return stillMissing(machine, missing);
  // One package that cannot be had must not keep the others out.
  const because = new Map<ServerName, string>();
  for (const one of packages) {
    const ran = await machine.install([one]);
    if (!ran.ok) for (const name of missing) if (SERVERS[name].debianPackage === one) because.set(name, ran.because);
  }
  return stillMissing(machine, missing, because);
}

function stillMissing(machine: Machine, names: readonly ServerName[], because: ReadonlyMap<ServerName, string> = new Map()): LeftOut[] {
  return names.flatMap((name) =>
    machine.find(name) !== undefined ? [] : [{ name, because: because.get(name) ?? `${SERVERS[name].debianPackage} is installed, but ${SERVERS[name].binaries.join(' or ')} is not on PATH` }],
  );
}
