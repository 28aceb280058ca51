import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REMOTE_COMMANDS } from '#cli/cli.ts';
import { COMMANDS, optionsOf, usageOf } from '#cli/command.ts';
import type { LocalCommands, LocalOptions } from '#app/commands.ts';
import { parseCommandLine } from '#cli/parse.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { runCli } from '../../kit/cli.ts';
import type { Ran } from '../../kit/cli.ts';

const DOCS = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const clock = createVirtualClock();
const run = (...args: readonly string[]): Promise<Ran> => runCli(args, { clock });

describe('the table of commands', () => {
  it('has a handler for every remote command, and no handler is left over', () => {
    const remote = COMMANDS.filter((command) => command.runs === 'remote').map((command) => command.name);
    expect(Object.keys(REMOTE_COMMANDS).toSorted()).toEqual(remote.toSorted());
  });

  it('has the commands of this issue, and none that is not built yet', () => {
    expect(COMMANDS.map((command) => command.name).toSorted()).toEqual(
      ['approvals', 'approve', 'audit', 'backup list', 'backup take', 'backup verify', 'cancel', 'close', 'demo', 'deny', 'doctor', 'drill approvals', 'drill approve', 'drill list', 'drill reap', 'drill revoke', 'drill run', 'drill verify', 'incidents', 'kill-switch', 'lint', 'plan', 'reference', 'run', 'runs', 'settle', 'show', 'start', 'test'].toSorted(),
    );
  });

  it('shows examples that it can parse', () => {
    for (const command of COMMANDS) {
      expect(command.examples.length, command.name).toBeGreaterThan(0);
      for (const example of command.examples) {
        const args = [...example.replace(/ > .*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '').slice(1);
        const parsed = parseCommandLine(args);
        expect(parsed.kind === 'command' ? parsed.command.name : parsed, example).toBe(command.name);
      }
    }
  });

  it('is what docs/cli.md shows: usage, options and examples of each command, in order', () => {
    expect([...DOCS.matchAll(/^### `([^`]+)`$/gm)].map(([, name]) => name)).toEqual(COMMANDS.map((command) => command.name));
    for (const command of COMMANDS) {
      const section = DOCS.split(`### \`${command.name}\`\n`)[1]?.split(/^##/m)[0] ?? '';
      const options = Object.entries(command.options).map(([name, spec]) => `- \`--${name}${spec.value === undefined ? '' : ` ${spec.value}`}\`: ${spec.help}${spec.required === true ? ' Required.' : ''}${spec.many === true ? ' May be repeated.' : ''}`);
      const wanted = ['', command.summary, '', '```sh', `# ${usageOf(command)}`, ...command.examples, '```', ...(options.length === 0 ? [] : ['', ...options])].join('\n');
      expect(section.trimEnd(), command.name).toBe(wanted);
    }
  });
});

describe('help', () => {
  it('names every command, and for each its options and examples', async () => {
    const overall = await run('--help');
    expect([overall.code, overall.note]).toEqual([0, '']);
    for (const command of COMMANDS) {
      const words = command.name.split(' ');
      expect(overall.out).toMatch(new RegExp(`^  ${command.name} +\\S`, 'm'));
      for (const args of [[...words, '--help'], ['--help', ...words], ['help', ...words], [...words, '-h']]) {
        const { code, out } = await run(...args);
        expect(code).toBe(0);
        expect(out).toContain(usageOf(command));
        for (const option of Object.keys(optionsOf(command))) expect(out, command.name).toContain(`--${option}`);
        for (const example of command.examples) expect(out).toContain(example);
      }
    }
  });
});

describe('the help of a family of commands', () => {
  it('names each of them and ends with 0, however it is asked for', async () => {
    for (const family of ['backup', 'drill']) {
      for (const args of [[family, '--help'], [family, '-h'], ['help', family]]) {
        const { code, out } = await run(...args);
        expect(code, args.join(' ')).toBe(0);
        for (const { name, summary } of COMMANDS.filter((command) => command.name.startsWith(`${family} `))) expect(out.replaceAll(/ +/g, ' ')).toContain(`${name} ${summary}`);
        expect(out).not.toContain('dlq-overflow');
      }
    }
  });
});

describe('wrong usage', () => {
  it('exits with 2, says what is wrong on stderr, and nothing on stdout', async () => {
    const wrong: [readonly string[], string][] = [
      [[], 'Say what to do.'],
      [['aprove'], 'There is no command "aprove". Did you mean "approve"?'],
      [['killswitch', 'on'], 'Did you mean "kill-switch"?'],
      [['xyzzy'], 'There is no command "xyzzy".\n'],
      [['export', 'run_1'], 'There is no command "export"'],
      [['replay', 'run_1'], 'There is no command "replay"'],
      [['gate'], 'There is no command "gate"'],
      [['drill'], 'Say one of: run, list, approve, approvals, revoke, verify, reap.'],
      [['drill', 'runn', 'redis'], '"runn" is none of: run, list, approve, approvals, revoke, verify, reap.'],
      [['drill', 'run'], 'DRILL is missing.'],
      [['backup'], 'Say one of: take, list, verify.'],
      [['backup', 'take'], 'Say one of: redis, nats, config.'],
      [['backup', 'take', 'redis', '--url', 'redis://r'], '--out is missing.'],
      [['show'], 'RUN is missing.'],
      [['show', ''], 'RUN is missing.'],
      [['show', 'a', 'b'], '"b" is one word too many.'],
      [['show', 'a', '--verbose'], 'There is no option --verbose.'],
      [['approve', 'a', '--digets', 'x'], 'There is no option --digets. Did you mean --digest?'],
      [['approve', 'a'], '--digest is missing.'],
      [['approve', 'a', '--digest'], '--digest needs a value: --digest D'],
      [['approve', 'a', '--digest='], '--digest is missing.'],
      [['run', 'a', '--wait=yes'], '--wait takes no value.'],
      [['settle', 'a', 'b', 'maybe', '--reason', 'r'], '"maybe" is none of: applied, not-applied.'],
      [['settle', 'a', 'b', 'applied'], '--reason is missing.'],
      [['close', 'a'], '--reason is missing.'],
      [['kill-switch'], 'Say one of: on, off, status.'],
      [['kill-switch', 'offf'], '"offf" is none of'],
      [['audit'], 'Say one of: verify.'],
      [['start', '--url', 'http://x'], 'There is no option --url.'],
      [['__proto__'], 'There is no command'],
    ];
    for (const [args, message] of wrong) {
      const { code, out, note } = await run(...args);
      expect([code, out], args.join(' ')).toEqual([2, '']);
      expect(note).toContain(message);
    }
  });

  it('of a command shows what it cannot do without, and where the rest is explained', async () => {
    const { note } = await run('drill', 'run', 'redis', '--evidence', 'x');
    expect(note).toBe('There is no option --evidence.\nUsage: runbook-bot drill run DRILL [options]\nSee: runbook-bot drill run --help');
    expect((await run('approve', 'a')).note).toContain('Usage: runbook-bot approve APPROVAL --digest D [options]\n');
  });

  it('does not take the value of an option for the command', () => {
    const parsed = parseCommandLine(['--url', 'runs', 'cancel', 'cancel', '--reason', 'cancel']);
    expect(parsed).toMatchObject({ kind: 'command', command: { name: 'cancel' }, given: { words: { RUN: 'cancel' }, options: { url: 'runs', reason: 'cancel' } } });
  });
});

describe('commands that build the bot', () => {
  it('are handed over with their path, configuration and switches, and their exit code is ours', async () => {
    const calls: unknown[] = [];
    const asked = (name: string) => async (...args: unknown[]): Promise<1> => {
      const options = args.at(-1) as LocalOptions & { yes?: boolean };
      options.out(name);
      calls.push([name, ...args.slice(0, -1), options.config, options.json, options.yes]);
      return 1;
    };
    const local: LocalCommands = { start: asked('start'), lint: asked('lint'), test: asked('test'), auditVerify: asked('auditVerify'), doctor: asked('doctor'), reference: asked('reference'), demo: asked('demo'), backupTake: asked('backupTake'), backupList: asked('backupList'), backupVerify: asked('backupVerify'), drillRun: asked('drillRun'), drillVerify: asked('drillVerify'), drillReap: asked('drillReap') };
    for (const args of [['start', '--config', 'x.yaml'], ['lint'], ['lint', 'runbooks/a.yaml', '--json'], ['test', 'runbooks'], ['audit', 'verify'], ['doctor'], ['reference'], ['demo', '--yes'], ['demo'], ['backup', 'take', 'redis', '--url', 'redis://r', '--out', '/b'], ['backup', 'list', '/b', '--json'], ['backup', 'verify', '/b', '--set', 'x']]) {
      expect((await runCli(args, { clock, local: async () => local })).code).toBe(1);
    }
    expect(calls).toEqual([
      ['start', 'x.yaml', false, undefined],
      ['lint', undefined, undefined, false, undefined],
      ['lint', 'runbooks/a.yaml', undefined, true, undefined],
      ['test', 'runbooks', undefined, false, undefined],
      ['auditVerify', undefined, false, undefined],
      ['doctor', undefined, false, undefined],
      ['reference', undefined, false, undefined],
      ['demo', undefined, false, true],
      ['demo', undefined, false, false],
      ['backupTake', { words: { STORE: 'redis' }, options: { url: 'redis://r', out: '/b' }, lists: {}, switches: new Set() }, undefined, false, undefined],
      ['backupList', { words: { DIR: '/b' }, options: {}, lists: {}, switches: new Set(['json']) }, undefined, true, undefined],
      ['backupVerify', { words: { DIR: '/b' }, options: { set: 'x' }, lists: {}, switches: new Set() }, undefined, false, undefined],
    ]);
  });
});

describe('the process', () => {
  const start = (args: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      execFile(process.execPath, [MAIN, ...args], (error, out, note) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, note }));
    });

  it('answers on stdout, complains on stderr, and exits with the code', async () => {
    expect(await start(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('runbook-bot <command>'), note: '' });
    expect(await start(['nonsense'])).toMatchObject({ code: 2, out: '', note: expect.stringContaining('There is no command') });
    expect(await start(['runs', '--url', 'http://127.0.0.1:9'])).toMatchObject({ code: 1, out: '', note: expect.stringContaining('Is the bot running there?') });
  });
});
