import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readText } from './tree.ts';

const Dependencies = z.record(z.string(), z.string()).default({});
const Lock = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), dependencies: Dependencies, optionalDependencies: Dependencies, hasInstallScript: z.boolean().default(false) })),
});
const Manifest = z.object({ allowScripts: z.record(z.string(), z.boolean()), scripts: z.record(z.string(), z.string()) });

const text = readText('package-lock.json');
const { packages } = Lock.parse(JSON.parse(text));
const manifest = Manifest.parse(JSON.parse(readText('package.json')));

describe('package-lock.json', () => {
  it('names every package that npm ci wants, those for other platforms included', () => {
    // A registry that lags behind lets npm install leave optional packages out of the lock, and npm ci then refuses it.
    const missing = Object.entries(packages).flatMap(([path, entry]) => Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }).filter((name) => !isLocked(path, name)).map((name) => `${path}: ${name}`));
    expect(missing).toEqual([]);
  });

  it('names no registry, so that it works behind any', () => {
    expect(text).not.toMatch(/"resolved":/);
  });

  it('brings the pinned Node: its install script is allowed by name, and no other is', () => {
    expect(packages['node_modules/node']?.hasInstallScript).toBe(true);
    expect(manifest.allowScripts).toEqual({ node: true, protobufjs: false });
  });
});

/** Node's way of finding a package, over the paths of the lock. */
function isLocked(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === '') return false;
  }
}
