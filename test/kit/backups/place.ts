/** A backup in a folder of its own, which a test damages; and the drill of it, in this process. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performDrill } from '#app/drill-parts.ts';
import type { Manifest } from '#backups/manifest.ts';
import type { Store } from '#backups/names.ts';
import { decodeS2 } from '#backups/archive/s2.ts';
import type { DrillOutcome } from '#drills/run.ts';
import { systemClock } from '#kernel/clock.ts';
import { testFolder } from '../drills/backups.ts';
import { chunksOf, encodeS2 } from './s2.ts';
import { readTarParts, writeTar, type TarPart } from './tar.ts';

export interface Place {
  readonly store: Store;
  readonly directory: string;
  readonly stamp: string;
  path(name: string): string;
  read(name: string): Buffer;
  write(name: string, bytes: Buffer | string): void;
  /** Changes the bytes of a file. */
  change(name: string, how: (bytes: Buffer) => Buffer): void;
  manifest(how: (manifest: Manifest) => unknown): void;
  /** Changes the entries of a stream's archive; checksums are right afterwards. */
  tar(stream: string, how: (parts: TarPart[]) => TarPart[], end?: Buffer): Promise<void>;
}

/** A copy of the good backup in `from`. Without its manifest when it is to be told from itself alone. */
export async function placeOf(store: Store, from: string, { manifest = true }: { readonly manifest?: boolean } = {}): Promise<Place> {
  const directory = await testFolder('damage');
  cpSync(from, directory, { recursive: true, preserveTimestamps: true });
  const stamp = /-(\d{8}T\d{6}Z)/.exec(readdirSync(directory).find((name) => name.startsWith(`${store}-`)) ?? '')?.[1] ?? '';
  const path = (name: string): string => join(directory, name.replace('TS', stamp));
  const manifestPath = path(`${store}-TS.manifest.json`);
  if (!manifest) rmSync(manifestPath, { force: true });
  const place: Place = {
    store,
    directory,
    stamp,
    path,
    read: (name) => readFileSync(path(name)),
    write: (name, bytes) => writeFileSync(path(name), bytes),
    change: (name, how) => writeFileSync(path(name), how(readFileSync(path(name)))),
    manifest: (how) => writeFileSync(manifestPath, JSON.stringify(how(JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest))),
    async tar(stream, how, end) {
      const file = `nats-TS/${stream}.snapshot/stream.tar.s2`;
      const parts: Buffer[] = [];
      for await (const part of decodeS2(chunksOf(place.read(file)))) parts.push(part);
      place.write(file, encodeS2(writeTar(how(readTarParts(Buffer.concat(parts))), end)));
    },
  };
  return place;
}

export async function drillOf({ store, directory }: Pick<Place, 'store' | 'directory'>): Promise<DrillOutcome> {
  const limits = { maxAgeMs: 2 * 3_600_000, tolerance: 0.5, rpoMs: 3_600_000, rtoMs: 900_000 };
  return performDrill('test', { store, directory, choice: { kind: 'latest' }, limits, temp: await testFolder('sandboxes') }, { clock: systemClock, signal: new AbortController().signal });
}

/** Names of the failed checks, each with its sentence. */
export function failuresOf(outcome: DrillOutcome): string {
  return outcome.checks.filter(({ status }) => status === 'failed').map(({ name, detail }) => `${name}: ${detail}`).join('\n');
}

export interface Damage {
  readonly name: string;
  /** One of the failed checks without the manifest. Absent: then it cannot be seen, or the damage is in the manifest. */
  readonly alone?: RegExp;
  /** One of the failed checks with it. */
  readonly noted?: RegExp;
  apply(place: Place): void | Promise<void>;
}
