import { z } from 'zod';
import { parseDuration } from '#kernel/duration.ts';
import { isLabels, type Labels } from '#kernel/labels.ts';

/** The kinds of values that several sections of the configuration file have. */

const LONGEST_TEXT = 4_096;

export const text = z.string('expected a text; put it in quotes').min(1, 'expected a text').max(LONGEST_TEXT, `expected at most ${LONGEST_TEXT} characters`);
export const path = text;

export const duration = text.transform((value, ctx) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms <= 0) ctx.addIssue({ code: 'custom', message: 'expected a duration, such as 2h or 7d' });
  return ms ?? 0;
});

/** Credentials in a URL would be shown wherever the URL is. */
export const httpUrl = text.transform((value, ctx) => {
  const url = parseUrl(value);
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) ctx.addIssue({ code: 'custom', message: 'expected a URL that begins with http:// or https://' });
  else if (url.username !== '' || url.password !== '') ctx.addIssue({ code: 'custom', message: 'expected a URL without user name and password: they belong into a key of their own' });
  return value;
});

export const labels = z.custom<Labels>(isLabels, 'expected labels with their exact values, such as { cluster: prod }; put numbers in quotes');

export function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}
