/** `runbook-bot drill`: options read, parts put together, answers printed. */
import type { ExitCode, Given, LocalOptions } from './commands.ts';

export function drillRun(_given: Given, _options: LocalOptions, _stopped: Promise<unknown>): Promise<ExitCode> {
  throw new Error('not built yet');
}
export function drillVerify(_given: Given, _options: LocalOptions): Promise<ExitCode> {
  throw new Error('not built yet');
}
export function drillReap(_given: Given, _options: LocalOptions): Promise<ExitCode> {
  throw new Error('not built yet');
}
