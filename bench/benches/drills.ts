/** Drills against the bare restore by the servers' own means: an RDB of 1 GiB, and a stream of a million messages. */
import { mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DrillInput, DrillResult } from '../processes/drill.ts';
import type { RestoreInput, RestoreResult } from '../processes/restore-stream.ts';
import type { TakeResult } from '../processes/take.ts';
import { makeNatsBackup, makeRedisBackup, startNats, startRedis, stopServer } from '../kit/drill-data.ts';
import { inFolder } from '../kit/folder.ts';
import { resultOf } from '../kit/process.ts';
import type { BenchOptions, Report } from '../kit/report.ts';
import { median, short, spread } from '../kit/stats.ts';

const RATIO = 1.5;
const RDB_BYTES = 1024 * 1024 * 1024;
const MESSAGES = 1_000_000;
/** Of the quick run a part of it. */
const QUICK = 20;

interface Round {
  readonly bareMs: number;
  readonly drill: DrillResult;
}

interface Measured {
  readonly what: string;
  readonly taken: TakeResult;
  readonly rounds: readonly Round[];
}

export async function benchDrills({ quick, say }: BenchOptions): Promise<Report> {
  const rounds = quick ? 1 : 3;
  const part = quick ? QUICK : 1;
  const measured = [await measureRedis({ bytes: RDB_BYTES / part, rounds, say }), await measureNats({ messages: MESSAGES / part, rounds, say })];
  const ratios = ({ rounds: all }: Measured): number[] => all.map(({ bareMs, drill }) => drill.ms / bareMs);
  return {
    title: 'Drills',
    columns: ['Backup', 'bare restore, ms', 'drill, ms', 'ratio', 'most memory of the drill, MB', 'backup take, ms', 'its most memory, MB'],
    rows: measured.map((one) => [one.what, spread(one.rounds.map(({ bareMs }) => bareMs)), spread(one.rounds.map(({ drill }) => drill.ms)), spread(ratios(one)), spread(one.rounds.map(({ drill }) => drill.peakMb)), short(one.taken.ms), short(one.taken.peakMb)]),
    verdicts: measured.map((one) => ({ what: one.what, measured: spread(ratios(one)), target: `at most ${RATIO}`, met: median(ratios(one)) <= RATIO })),
    notes: [
      'Bare, Redis: redis-server on the same file, from its start until it is ready. Bare, NATS: from the start of a nats-server until a client of ten lines has restored the archive of the large stream, with no check. A drill: from the choice of the backup until its sandbox is gone; it also copies, digests and reads the files, compares what was restored, and restores the second stream.',
      `Every drill: ${[...new Set(measured.flatMap((one) => one.rounds.map(({ drill }) => [drill.status, ...drill.deviations].join('; '))))].join(' / ')}. Its memory is that of the process of the bot; the servers of the sandbox are processes of their own.`,
    ],
  };
}

interface Task {
  readonly rounds: number;
  readonly say: BenchOptions['say'];
}

function measureRedis({ bytes, ...task }: Task & { readonly bytes: number }): Promise<Measured> {
  return inFolder(async (folder) => {
    const backup = await makeRedisBackup(folder, bytes);
    const bare = async (dir: string): Promise<number> => {
      symlinkSync(backup.file, join(dir, 'dump.rdb'));
      const server = await startRedis(dir);
      await stopServer(server);
      return server.ms;
    };
    const rounds = await alternate({ folder, directory: backup.directory, store: 'redis', bare }, task);
    return { what: `RDB of ${short(statSync(backup.file).size / 1e6)} MB, ${backup.keys.toLocaleString('en-US')} keys`, taken: backup.taken, rounds };
  });
}

function measureNats({ messages, ...task }: Task & { readonly messages: number }): Promise<Measured> {
  return inFolder(async (folder) => {
    const backup = await makeNatsBackup(folder, messages);
    const bare = async (dir: string): Promise<number> => {
      const begin = performance.now();
      const server = await startNats(dir);
      const input: RestoreInput = { url: server.url, snapshot: backup.snapshot };
      const { messages: restored } = await resultOf<RestoreResult>('bench/processes/restore-stream.ts', input);
      const ms = performance.now() - begin;
      await stopServer(server);
      if (restored !== messages) throw new Error(`${restored} of ${messages} messages were restored.`);
      return ms;
    };
    const rounds = await alternate({ folder, directory: backup.directory, store: 'nats', bare }, task);
    return { what: `Stream of ${messages.toLocaleString('en-US')} messages, an archive of ${short(statSync(join(backup.snapshot, 'stream.tar.s2')).size / 1e6)} MB`, taken: backup.taken, rounds };
  });
}

/** The bare restore, then the drill, again and again: whatever else the machine does, it does it to both. */
async function alternate({ folder, directory, store, bare }: { readonly folder: string; readonly directory: string; readonly store: DrillInput['store']; bare(dir: string): Promise<number> }, { rounds, say }: Task): Promise<readonly Round[]> {
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const dir = join(folder, `bare-${round}`);
    mkdirSync(dir);
    const bareMs = await bare(dir);
    rmSync(dir, { recursive: true });
    const input: DrillInput = { store, directory, temp: folder };
    const drill = await resultOf<DrillResult>('bench/processes/drill.ts', input);
    say(`${store} ${round}/${rounds}: bare ${short(bareMs)} ms; drill ${short(drill.ms)} ms, ${drill.status}, peak ${short(drill.peakMb)} MB: ${drill.steps.join(', ')}`);
    measured.push({ bareMs, drill });
  }
  return measured;
}
