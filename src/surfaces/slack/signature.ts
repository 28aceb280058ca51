/** Is this request from Slack, and is it new? Ours rather than Bolt's: Bolt takes timestamps of the future, remembers nothing, and lets `ssl_check` by. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { Secret } from '#kernel/secret.ts';

/** Slack's own rule, on both sides of now (docs.slack.dev, "Verifying requests from Slack"). */
const MOST_SKEW_MS = 300_000;
/** A signature can be valid from 5 minutes before its time to 5 minutes after it. */
const REMEMBERED_MS = 2 * MOST_SKEW_MS;
/** About 80 signed requests a second for ten minutes. Beyond it requests are refused: forgetting one would let it be replayed. */
const MOST_REMEMBERED = 50_000;
const SECRET = /^[0-9a-f]{32,}$/i;
const TIMESTAMP = /^\d{1,12}$/;
const SIGNATURE = /^v0=[0-9a-f]{64}$/;

export type Checked = { readonly ok: true } | { readonly ok: false; readonly code: 'bad-signature' | 'replayed' | 'busy'; readonly because: string };

export interface SignatureCheck {
  check(headers: { readonly timestamp: unknown; readonly signature: unknown }, rawBody: Uint8Array): Checked;
}

/** Throws when the secret is none: an empty or short secret lets everybody sign. */
export function createSignatureCheck(secret: Secret, clock: Clock): SignatureCheck {
  if (!SECRET.test(secret.reveal())) throw new Error('slack.signingSecretFile: expected the app\'s signing secret, at least 32 hex characters');
  /** Digests of accepted signatures and when they may be forgotten, oldest first. */
  const seen = new Map<string, number>();

  const isNew = (digest: string, now: number): Checked => {
    for (const [old, forgetAt] of seen) {
      if (forgetAt > now) break;
      seen.delete(old);
    }
    if (seen.has(digest)) return { ok: false, code: 'replayed', because: 'this request has been received before' };
    if (seen.size >= MOST_REMEMBERED) return { ok: false, code: 'busy', because: 'too many requests from Slack within ten minutes' };
    seen.set(digest, now + REMEMBERED_MS);
    return { ok: true };
  };

  return {
    check({ timestamp, signature }, rawBody) {
      if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) return bad('X-Slack-Request-Timestamp is missing or is no number');
      if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return bad('X-Slack-Signature is missing or is no v0 signature');
      const now = clock.now();
      if (Math.abs(now - Number(timestamp) * 1_000) > MOST_SKEW_MS) return bad('the timestamp is more than five minutes away from this clock');
      const expected = createHmac('sha256', secret.reveal()).update(`v0:${timestamp}:`).update(rawBody).digest();
      if (!timingSafeEqual(expected, Buffer.from(signature.slice(3), 'hex'))) return bad('the signature does not match');
      return isNew(createHash('sha256').update(timestamp).update(signature).digest('hex'), now);
    },
  };
}

function bad(because: string): Checked {
  return { ok: false, code: 'bad-signature', because };
}
