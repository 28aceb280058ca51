import { globSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '#config/load.ts';
import { parseDuration } from '#kernel/duration.ts';
import { PROJECT, readText } from '../../architecture/tree.ts';
import { codeBlocks, tableRows } from '../../kit/markdown.ts';

const BLOCKS = codeBlocks('operating.md').filter(({ language }) => language === 'yaml');

function block(label: string): string {
  const found = BLOCKS.find((one) => one.label === label);
  if (found === undefined) throw new Error(`docs/operating.md shows no ${label}`);
  return found.text;
}

const Alertmanager = z.object({
  route: z.object({ group_interval: z.string(), receiver: z.string(), routes: z.array(z.object({ receiver: z.string() })) }),
  receivers: z.array(z.object({ name: z.string(), webhook_configs: z.array(z.object({ url: z.string(), send_resolved: z.boolean(), max_alerts: z.number(), http_config: z.object({ follow_redirects: z.boolean() }) })).optional() })),
});
const Target = z.object({ targets: z.array(z.record(z.string(), z.unknown())) });
const Rules = z.object({ groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string().optional(), labels: z.record(z.string(), z.string()).optional() })) })) });
const Routes = z.object({ route: z.object({ routes: z.array(z.object({ matchers: z.array(z.string()) })) }) });

/** `5 MiB`, `10,000`, `15 s`, `24 h`: as a plain number, times in ms. */
function amountOf(text: string): number {
  const [, digits = '', unit = ''] = /^([\d,]+)(?: (MiB|s|min|h))?$/.exec(text) ?? [];
  return Number(digits.replaceAll(',', '')) * (({ MiB: 1 << 20, s: 1_000, min: 60_000, h: 3_600_000 } as Readonly<Record<string, number>>)[unit] ?? 1);
}

/** The value of `const NAME = 5 * 1_024;`, of factors or of one shift. */
function constantOf(file: string, name: string): number {
  const text = new RegExp(`const ${name} = ([^;]+);`).exec(readText(file))?.[1]?.replaceAll('_', '') ?? '';
  const [left = '', right] = text.split('<<');
  if (right !== undefined) return Number(left) << Number(right);
  return text.split('*').reduce((product, factor) => product * Number(factor), 1);
}

/** They work on the others of the target; the key that they need is `backups`. */
const ON_OTHERS = ['backup', 'restore'];

describe('docs/operating.md', () => {
  it('checks each of its YAML blocks: there is none that no test below reads', () => {
    expect(BLOCKS.map(({ label }) => label)).toEqual(['runbook-bot.yaml', 'policy.yaml', 'alertmanager.yml', 'prometheus.yml', 'prometheus-rules.yml', 'alertmanager-routes.yml', 'target.yaml']);
  });

  it('shows a configuration with a policy that the bot accepts without a warning', () => {
    const loaded = loadConfig({
      env: {},
      cwd: '/etc/runbook-bot',
      readFile: (path) => {
        if (path.includes('/secrets/')) return { ok: true, text: `a-secret-of-${basename(path)}-0123456789\n`, worldReadable: false };
        const name = basename(path);
        return name === 'runbook-bot.yaml' || name === 'policy.yaml' ? { ok: true, text: block(name), worldReadable: false } : { ok: false, missing: true, because: 'it does not exist' };
      },
    });
    expect(loaded).toMatchObject({ ok: true, warnings: [], config: { policy: { tiers: { R1: { approvers: 1 }, R2: { excludeRequester: true }, R3: { approvers: 2 } } } } });
  });

  it('shows a target with every system, which the bot accepts but for the files that it names', () => {
    const loaded = loadConfig({
      env: {},
      cwd: '/etc/runbook-bot',
      readFile: (path) => {
        if (path.includes('/secrets/')) return { ok: true, text: `a-secret-of-${basename(path)}-0123456789\n`, worldReadable: false };
        return basename(path) === 'runbook-bot.yaml' ? { ok: true, text: block('target.yaml'), worldReadable: false } : { ok: false, missing: true, because: 'it does not exist' };
      },
    });
    const systems = globSync('src/systems/*/system.ts', { cwd: PROJECT }).map((file) => basename(dirname(file))).filter((name) => !ON_OTHERS.includes(name));
    expect(Object.keys(Target.parse(parse(block('target.yaml'))).targets[0] ?? {}).filter((key) => key !== 'name' && key !== 'match').toSorted()).toEqual(systems.toSorted());
    expect(loaded.ok ? [] : loaded.problems.filter((problem) => !problem.includes('ca.crt'))).toEqual([]);
  });

  it('shows a receiver that loses no alert and sends whole groups', () => {
    const { route, receivers } = Alertmanager.parse(parse(block('alertmanager.yml')));
    const names = receivers.map(({ name }) => name);
    expect([route, ...route.routes].every(({ receiver }) => names.includes(receiver))).toBe(true);
    expect(parseDuration(route.group_interval)).toBeGreaterThanOrEqual(30_000);
    const [webhook] = receivers.flatMap(({ webhook_configs: webhooks = [] }) => webhooks);
    expect(webhook).toMatchObject({ send_resolved: true, max_alerts: 0, http_config: { follow_redirects: false } });
    expect(new URL(webhook?.url ?? '').pathname).toBe('/webhooks/alertmanager');
  });

  it('loads the rules that are shipped, and routes by labels that they have', () => {
    expect(parse(block('prometheus-rules.yml'))).toEqual({ rule_files: ['rules.yaml'] });
    const rules = Rules.parse(parse(readText('deploy/prometheus/rules.yaml'))).groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);
    const { route } = Routes.parse(parse(block('alertmanager-routes.yml')));
    for (const { matchers } of route.routes) {
      const fits = rules.filter(({ alert = '', labels = {} }) => matchers.every((matcher) => {
        const [, label = '', op = '', value = ''] = /^(\w+)(=~|=)"(.*)"$/.exec(matcher) ?? [];
        const is = label === 'alertname' ? alert : (labels[label] ?? '');
        return op === '=~' ? new RegExp(`^(?:${value})$`).test(is) : is === value;
      }));
      expect(fits.length, matchers.join(' ')).toBeGreaterThan(5);
    }
  });

  it('names limits as they are in the code', () => {
    const rows = tableRows('operating.md').flatMap(([what = '', amount = '', where = '']): [string, number, number][] => {
      const [, name = '', file = ''] = /^`([A-Z_]+)` in `(src\/[\w/.-]+)`$/.exec(where) ?? [];
      return name === '' ? [] : [[what, amountOf(amount), constantOf(file, name)]];
    });
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(([, said, is]) => said !== is)).toEqual([]);
  });
});
