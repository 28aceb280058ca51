import { describe, expect, it } from 'vitest';
import { ensureServers } from '../../../scripts/servers/ensure.ts';
import type { Machine } from '../../../scripts/servers/ensure.ts';

interface Situation {
  readonly found: readonly string[];
  readonly refusal?: string;
  readonly updateFails?: string;
  /** Packages that cannot be installed. */
  readonly broken?: readonly string[];
  /** Packages that install without bringing their program. */
  readonly empty?: readonly string[];
}

const PACKAGES: Readonly<Record<string, string>> = { prometheus: 'prometheus', alertmanager: 'prometheus-alertmanager', redis: 'redis-server', nats: 'nats-server', promtool: 'prometheus', openssl: 'openssl', chromium: 'chromium' };
const ALL = Object.keys(PACKAGES);
const allBut = (...names: readonly string[]): string[] => ALL.filter((name) => !names.includes(name));

function machineIn(situation: Situation) {
  const found = new Set(situation.found);
  const calls: string[] = [];
  const said: string[] = [];
  const machine: Machine = {
    find: (name) => (found.has(name) ? `/usr/bin/${name}` : undefined),
    mayNotInstall: () => situation.refusal,
    update: () => {
      calls.push('update');
      return Promise.resolve(situation.updateFails === undefined ? { ok: true } : { ok: false, because: situation.updateFails });
    },
    install: (packages) => {
      calls.push(`install ${packages.join(' ')}`);
      const broken = packages.find((name) => situation.broken?.includes(name) === true);
      if (broken !== undefined) return Promise.resolve({ ok: false, because: `E: Unable to locate package ${broken}` });
      for (const [name, debianPackage] of Object.entries(PACKAGES)) if (packages.includes(debianPackage) && situation.empty?.includes(debianPackage) !== true) found.add(name);
      return Promise.resolve({ ok: true });
    },
    say: (line) => said.push(line),
  };
  return { machine, calls, said };
}

describe('the servers that tests need', () => {
  it('are left alone when all are on PATH', async () => {
    const { machine, calls } = machineIn({ found: ALL });
    expect(await ensureServers(machine)).toEqual([]);
    expect(calls).toEqual([]);
  });

  it('are installed when missing, after one update, under the names that Debian gives them', async () => {
    const { machine, calls } = machineIn({ found: allBut('alertmanager', 'redis', 'nats', 'chromium') });
    expect(await ensureServers(machine)).toEqual([]);
    expect(calls).toEqual(['update', 'install prometheus-alertmanager redis-server nats-server chromium']);
  });

  it('that come in one package are installed once, and left out together', async () => {
    const good = machineIn({ found: allBut('prometheus', 'promtool') });
    expect(await ensureServers(good.machine)).toEqual([]);
    expect(good.calls).toEqual(['update', 'install prometheus']);
    const { machine } = machineIn({ found: allBut('prometheus', 'promtool'), broken: ['prometheus'] });
    expect((await ensureServers(machine)).map(({ name }) => name)).toEqual(['prometheus', 'promtool']);
  });

  it('are named with the reason when they may not be installed', async () => {
    const { machine, calls } = machineIn({ found: allBut('alertmanager'), refusal: 'installing needs root' });
    expect(await ensureServers(machine)).toEqual([{ name: 'alertmanager', because: 'not on PATH, and not installed: installing needs root' }]);
    expect(calls).toEqual([]);
  });

  it('are installed one by one when one of them cannot be had', async () => {
    const { machine } = machineIn({ found: [], broken: ['chromium'] });
    expect(await ensureServers(machine)).toEqual([{ name: 'chromium', because: 'E: Unable to locate package chromium' }]);
  });

  it('are tried with the old lists of packages when an update fails', async () => {
    const { machine, said } = machineIn({ found: allBut('alertmanager'), updateFails: 'no network' });
    expect(await ensureServers(machine)).toEqual([]);
    expect(said.join('\n')).toContain('no network');
  });

  it('count as left out when a package brings no program', async () => {
    const { machine } = machineIn({ found: allBut('alertmanager'), empty: ['prometheus-alertmanager'] });
    expect(await ensureServers(machine)).toEqual([{ name: 'alertmanager', because: 'prometheus-alertmanager is installed, but alertmanager or prometheus-alertmanager is not on PATH' }]);
  });
});
