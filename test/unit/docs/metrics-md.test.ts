import { describe, expect, it } from 'vitest';
import { SERIES, SOURCE_SERIES } from '#exporter/series.ts';
import { readText } from '../../architecture/tree.ts';
import { readPage } from '../../kit/markdown.ts';

const ROWS = [...readPage('metrics.md').matchAll(/^\| `(cordum_\w+)` \| ([^|]*) \| ([^|]*)\| (.*) \|$/gm)].map(([, name = '', labels = '', source = '', help = '']) => ({
  name,
  labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
  source: source.replaceAll('`', '').trim(),
  help,
}));

describe('docs/metrics.md', () => {
  it('shows each series of the exporter with its labels, its source and its help', () => {
    const table = [...Object.entries(SERIES), ...Object.entries(SOURCE_SERIES)].map(([name, one]) => ({ name, labels: ['target', ...one.labels], source: 'source' in one ? one.source : '', help: one.help }));
    expect(ROWS.slice(3)).toEqual(table);
  });

  it('shows the series of the queue and the workers as the exporter of Cordum names them', () => {
    const code = readText('src/systems/cordum/exporter.ts');
    expect(ROWS.slice(0, 3).filter(({ name, labels }) => !code.includes(`name: '${name}'`) || !code.includes(`labelNames: [${labels.map((label) => `'${label}'`).join(', ')}]`))).toEqual([]);
  });
});
