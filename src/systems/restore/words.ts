/** Names and sentences that the restores share. Pure. */
import { z } from '#step-kit/index.ts';

const STAMP = /^(?:(?:redis|nats|config)-)?(\d{8}T\d{6}Z)$/;

/** `20261121T060000Z`, or with the store before it. */
export const setName = z.string().regex(STAMP, 'expected the time in the name of a backup, such as 20261121T060000Z');

export function stampOf(name: string): string {
  return STAMP.exec(name)?.[1] ?? '';
}

export function agoText(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min old`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h old` : `${Math.round(hours / 24)} days old`;
}
