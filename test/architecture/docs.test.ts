import { existsSync, globSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AREAS, PACKAGE_HOMES } from '../../scripts/import-law/areas.ts';
import { PROJECT, readText } from './tree.ts';

const DOCS = ['README.md', ...globSync('docs/**/*.md', { cwd: PROJECT }), ...globSync('src/**/*.md', { cwd: PROJECT })];
const CONTRIBUTING = readText('docs/CONTRIBUTING.md');
const GLOSSARY = readText('docs/GLOSSARY.md');

describe('the docs', () => {
  it('link only to what exists', () => {
    const broken = DOCS.flatMap((file) =>
      relativeLinks(readText(file))
        .filter((link) => !existsSync(join(PROJECT, dirname(file), link)))
        .map((link) => `${file}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('list the folders of src as they are', () => {
    const listed = [...section(CONTRIBUTING, 'Where things live').matchAll(/^ {2}([a-z][a-z-]*(?:\/|\.ts))\s/gm)].map((match) => match[1] ?? '');
    const onDisk = readdirSync(join(PROJECT, 'src'), { withFileTypes: true }).map((entry) => entry.name + (entry.isDirectory() ? '/' : ''));
    expect(listed.toSorted()).toEqual(onDisk.toSorted());
  });

  it('show the import law as it is checked', () => {
    const areas = AREAS.map((area) => [area.name, cell(area.mayImport), cell(area.mayImportTypesOf), cell(area.node === 'any' ? ['any'] : area.node)]);
    expect(tableRows(section(CONTRIBUTING, 'The import law'), 4)).toEqual(areas);
    const homes = PACKAGE_HOMES.map((home) => [home.packages.replaceAll('\\', ''), cell(home.homes)]);
    expect(tableRows(section(CONTRIBUTING, 'Homes of packages'), 2)).toEqual(homes);
  });

  it('number the decisions without gaps, and keep each short', () => {
    const decisions = globSync('docs/decisions/*.md', { cwd: PROJECT }).toSorted();
    expect(decisions.map((file) => file.slice('docs/decisions/'.length, 'docs/decisions/'.length + 4))).toEqual(decisions.map((_, i) => String(i + 1).padStart(4, '0')));
    expect(decisions.filter((file) => readText(file).trimEnd().split('\n').length > 40)).toEqual([]);
  });
});

describe('the glossary', () => {
  const terms = [...GLOSSARY.matchAll(/^- \*\*([^*]+)\*\*/gm)].map((match) => match[1] ?? '');

  it('gives every word one sense: no word stands there twice', () => {
    expect(terms.length).toBeGreaterThan(30);
    expect(terms.filter((term, i) => terms.indexOf(term) !== i)).toEqual([]);
  });

  it('is in the order of the alphabet', () => {
    expect(terms).toEqual(terms.toSorted((a, b) => a.localeCompare(b, 'en')));
  });
});

/** Targets of links that are files: no scheme, anchors cut off, code blocks left out. */
function relativeLinks(markdown: string): string[] {
  const prose = markdown.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map((match) => (match[1] ?? '').split('#', 1)[0] ?? '').filter((link) => link !== '' && !/^[a-z][a-z+.-]*:/i.test(link));
}

/** The text below a heading, up to the next heading of any level. */
function section(markdown: string, title: string): string {
  const [, rest] = markdown.split(new RegExp(`^#+ ${title}$`, 'm'));
  if (rest === undefined) throw new Error(`docs/CONTRIBUTING.md has no heading "${title}"`);
  return rest.split(/^#+ /m, 1)[0] ?? '';
}

/** The first `columns` cells of each row, without the head of the table and without back-ticks. */
function tableRows(markdown: string, columns: number): string[][] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split(/(?<!\\)\|/).slice(1, columns + 1).map((text) => text.trim().replaceAll('`', '').replaceAll('\\|', '|')));
}

function cell(values: readonly string[] | undefined): string {
  return values === undefined || values.length === 0 ? '–' : values.join(', ');
}
