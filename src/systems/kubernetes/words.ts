/** Small words and numbers that the steps of this system share. */
import { cutClean } from '#kernel/redact.ts';
import { z } from '#step-kit/index.ts';
import { SERVICES } from './names.ts';

/** Messages of controllers and kubelets, characters: beyond this they repeat themselves. */
const LONGEST_MESSAGE = 500;

/** A part of Cordum, by the name that is the same in both installations. */
export const serviceName = z.enum(SERVICES);

/** Services that carry a version of Cordum; Redis and NATS have versions of their own. */
export const ownService = serviceName.exclude(['redis', 'nats']);

export function message(text: string): string {
  return cutClean(text.trim(), LONGEST_MESSAGE);
}

/** Whole seconds since an RFC 3339 time, never negative; -1 when there is no such time. */
export function ageSeconds(nowMs: number, time: string): number {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? -1 : Math.max(0, Math.floor((nowMs - ms) / 1_000));
}

/** `1 pod`, `3 pods`. */
export function plural(amount: number, noun: string): string {
  return amount === 1 ? `1 ${noun}` : `${amount} ${noun}s`;
}

/** What stands behind the last colon of an image, `latest` where nothing does; a digest stays a digest. */
export function tagOf(image: string): string {
  const digest = image.indexOf('@');
  if (digest >= 0) return image.slice(digest + 1);
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  return colon < 0 ? 'latest' : name.slice(colon + 1);
}

/** The image without its tag and its digest; the port of a registry stays. */
function repositoryOf(image: string): string {
  const bare = image.split('@')[0] ?? '';
  const slash = bare.lastIndexOf('/');
  const colon = bare.indexOf(':', slash + 1);
  return colon < 0 ? bare : bare.slice(0, colon);
}

/** The same repository with another tag or digest. */
export function withTag(image: string, tag: string): string {
  return `${repositoryOf(image)}${tag.startsWith('sha256:') ? '@' : ':'}${tag}`;
}

/** A text field of a JSON object from the journal; empty when it is not there. */
export function field(value: unknown, name: string): string {
  const found = at(value, name);
  return typeof found === 'string' ? found : '';
}

/** A number of a JSON object from the journal; NaN when it is not there. */
export function numberAt(value: unknown, name: string): number {
  const found = at(value, name);
  return typeof found === 'number' ? found : Number.NaN;
}

function at(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
