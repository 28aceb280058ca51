/** `npm run bench -- [webhooks|slack|steps|memory|diagnosis|drills|all] [--quick] [--json]`. Measures, compares and says; asserts nothing. */
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { benchDiagnosis } from './benches/diagnosis.ts';
import { benchDrills } from './benches/drills.ts';
import { benchMemory } from './benches/memory.ts';
import { benchSlack } from './benches/slack.ts';
import { benchSteps } from './benches/steps.ts';
import { benchWebhooks } from './benches/webhooks.ts';
import { probeNoise } from './kit/noise.ts';
import { showReport, type Bench, type Report } from './kit/report.ts';

const BENCHES: Readonly<Record<string, Bench>> = { webhooks: benchWebhooks, slack: benchSlack, steps: benchSteps, memory: benchMemory, diagnosis: benchDiagnosis, drills: benchDrills };
const USAGE = `usage: npm run bench -- [${Object.keys(BENCHES).join('|')}|all]... [--quick] [--json]\n`;

interface Ran extends Report {
  readonly bench: string;
  readonly noise: { readonly before: string; readonly after: string };
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function run(name: string, bench: Bench, quick: boolean): Promise<Ran> {
  const before = await probeNoise();
  say(`${name}: before: ${before}`);
  const report = await bench({ quick, say });
  const after = await probeNoise();
  say(`${name}: after: ${after}`);
  return { bench: name, ...report, noise: { before, after } };
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } });
  const wanted = positionals.length === 0 || positionals.includes('all') ? Object.keys(BENCHES) : positionals;
  const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name));
  if (unknown.length > 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  const ran: Ran[] = [];
  for (const name of wanted) {
    const bench = BENCHES[name];
    if (bench === undefined) continue;
    const one = await run(name, bench, values.quick);
    ran.push(one);
    if (!values.json) process.stdout.write(`${showReport({ ...one, notes: [...one.notes, `Noise before: ${one.noise.before}.`, `Noise after: ${one.noise.after}.`] })}\n`);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine: machine(), quick: values.quick, benches: ran }, null, 2)}\n`);
  else process.stdout.write(`${machine()}${values.quick ? '. Quick runs: do not quote them.' : '.'}\n`);
  return 0;
}

process.exitCode = await main();
