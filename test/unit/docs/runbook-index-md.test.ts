import { globSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT, readText } from '../../architecture/tree.ts';
import { tableRows } from '../../kit/markdown.ts';

const Runbook = z.object({
  runbook: z.string(),
  triggers: z.array(z.object({ alert: z.array(z.string()) })).default([]),
  inputs: z.array(z.object({ name: z.string(), required: z.boolean().default(false) })).default([]),
  offers: z.array(z.object({ uses: z.string() })).default([]),
});
const FILES = globSync('runbooks/*.yaml', { cwd: PROJECT }).filter((file) => !file.endsWith('.cases.yaml'));
const RUNBOOKS = FILES.map((file) => Runbook.parse(parse(readText(file))));
const LINK = /\[([a-z-]+)\]\((?:\.\.\/)?(runbooks\/[a-z-]+\.yaml)\)/g;

/** They work on the others of the target; the key that they need is `backups`. */
const ON_OTHERS = ['backup', 'restore'];

describe('docs/runbook-index.md', () => {
  const rows = tableRows('runbook-index.md').filter(([first = '']) => first.startsWith('['));

  it('has one row for each shipped runbook, with what starts it and all steps that it may offer', () => {
    const said = rows.map(([name = '', by = '', , offers = '']) => ({ name: name.replace(LINK, '$1'), by: codesOf(by), offers: codesOf(offers) }));
    const are = RUNBOOKS.map(({ runbook, triggers, inputs, offers }) => ({
      name: runbook,
      by: triggers.length > 0 ? triggers.flatMap(({ alert }) => alert).map((matcher) => /^alertname="(\w+)"$/.exec(matcher)?.[1]) : inputs.filter(({ required }) => required).map(({ name }) => name),
      offers: [...new Set(offers.map(({ uses }) => uses))].toSorted(),
    }));
    expect(said.toSorted(byName)).toEqual(are.toSorted(byName));
  });

  it('says of each what it tells, in one line', () => {
    expect(rows.filter(([, , tells = '']) => !/^[A-Z].{20,130}\.$/.test(tells)).map(([name]) => name)).toEqual([]);
  });
});

describe('README.md', () => {
  it('names each shipped runbook once, and how many there are', () => {
    const readme = readText('README.md');
    const linked = [...readme.matchAll(LINK)].map(([, name = '', file = '']) => `${name} ${basename(file, '.yaml')}`);
    expect(linked.toSorted()).toEqual(RUNBOOKS.map(({ runbook }) => `${runbook} ${runbook}`).toSorted());
    expect(/(\d+) runbooks/.exec(readme)?.[1]).toBe(String(RUNBOOKS.length));
  });

  it('names the systems that a target may have', () => {
    const systems = globSync('src/systems/*/system.ts', { cwd: PROJECT }).map((file) => basename(dirname(file))).filter((name) => !ON_OTHERS.includes(name));
    const [, said = ''] = /^Systems: (.*)$/m.exec(readText('README.md')) ?? [];
    expect(codesOf(said).toSorted()).toEqual(systems.toSorted());
  });
});

function codesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name.localeCompare(other.name, 'en');
}
