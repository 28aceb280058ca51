/** What every part of the sandbox's routes is made of: the call, the answer, and Go's way to match a path. */
import type { Json, JsonObject } from '#kernel/json.ts';
import type { World } from './model.ts';

export interface Call {
  readonly method: string;
  /** As sent, still encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of `X-Principal-Id`. */
  readonly principal: string;
  /** What was sent as JSON; undefined when nothing was, or no JSON. */
  readonly body: JsonObject | undefined;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON; `text` as plain text; neither means no body. */
  readonly json?: Json;
  readonly text?: string;
  readonly allow?: string;
}

/** `id` is the first variable of the path; `call.ids` holds all of them. */
export type Handler = (world: World, id: string, query: URLSearchParams, call: Call & { readonly ids: readonly string[] }) => Answer;
export interface Route {
  readonly method: string;
  readonly pattern: readonly string[];
  readonly handler: Handler;
}

const MOST_ITEMS = 500;
export const API = '/api/v1';

export function problem(code: number, error: string): Answer {
  return { status: code, json: { error, status: code } };
}

/** Invalid limits are ignored, large ones cut. */
export function limitOf(query: URLSearchParams, usual: number): number {
  return Math.min(positive(query.get('limit')) ?? usual, MOST_ITEMS);
}

export function positive(text: string | null): number | undefined {
  return text !== null && /^\d{1,19}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

export function route(method: string, path: string, handler: Handler): Route {
  return { method, pattern: path.split('/'), handler };
}

export function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, at) => part === segments[at] || (part === '{id}' && segments[at] !== ''));
}

export function wildcards(one: Route): number {
  return one.pattern.filter((part) => part === '{id}').length;
}

/** The variables of the path, decoded. */
export function idsOf(pattern: readonly string[], segments: readonly string[]): string[] {
  return pattern.flatMap((part, at) => (part === '{id}' ? [decoded(segments[at] ?? '')] : []));
}

function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** Go writes the keys of a map in order of the alphabet. */
export function sorted(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
