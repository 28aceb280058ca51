#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { systemClock } from '#kernel/clock.ts';
import { runCommandLine } from './cli.ts';

enableCompileCache();

// The clock's timers do not keep a process alive: while a command waits to try again, this does.
const { port1: awake, port2 } = new MessageChannel();
awake.ref();

// Whoever reads our answer may stop reading it (`| head`): that is no failure of ours.
process.stdout.on('error', () => {});

process.exitCode = await runCommandLine({
  args: process.argv.slice(2),
  clock: systemClock,
  out: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
  local: async () => (await import('#app/local.ts')).localCommands,
});
awake.close();
port2.close();
