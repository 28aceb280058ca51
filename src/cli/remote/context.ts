import type { Clock } from '#kernel/clock.ts';
import type { Client } from '../client.ts';
import { WrongUsage } from '../failure.ts';
import { jsonText, visible } from '../format.ts';
import type { Given } from '#app/commands.ts';

export interface RemoteContext {
  readonly client: Client;
  readonly given: Given;
  readonly json: boolean;
  readonly clock: Clock;
  /** stdout, a line or several. */
  out(text: string): void;
  /** stderr. */
  note(text: string): void;
}

/** Prints the answer of a command: as it came, or for people. */
export function answer<T>(context: RemoteContext, value: T, text: (value: T) => string): void {
  context.out(context.json ? jsonText(value, 2) : text(value));
}

/** How the ids begin that people mix up. */
const ID_OF: Readonly<Record<string, string>> = { RUN: 'run_', INCIDENT: 'inc_', APPROVAL: 'apr_' };

export function word(context: RemoteContext, name: string): string {
  const value = context.given.words[name];
  if (value === undefined) throw new WrongUsage(`${name} is missing.`);
  const kind = /^(?:run|inc|apr)_/.exec(value)?.[0];
  const wanted = ID_OF[name];
  if (kind !== undefined && wanted !== undefined && kind !== wanted) throw new WrongUsage(`${name}: expected ${wanted}…, got ${visible(value)}. Lists of incidents and approvals name the run of each.`);
  return value;
}

/** A part of a path that a person typed. */
export function part(text: string): string {
  return encodeURIComponent(text);
}

export function optional<Name extends string>(name: Name, value: string | undefined): { readonly [K in Name]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in Name]?: string };
}

/** `?status=…&limit=…`; `any` asks for all. */
export function listQuery(context: RemoteContext, defaultStatus: string): string {
  const status = context.given.options['status'] ?? defaultStatus;
  const limit = context.given.options['limit'];
  const query = new URLSearchParams({ ...(status === 'any' ? {} : { status }), ...(limit === undefined ? {} : { limit }) }).toString();
  return query === '' ? '' : `?${query}`;
}

/** Says that the list goes on, so that nobody takes its beginning for all there is. */
export function noteMore(context: RemoteContext, nextCursor: string | null): void {
  if (nextCursor !== null) context.note('There are more; ask with a larger --limit, or page through the API.');
}
