/** What a certificate says, in the words of runbooks. Pure: the connection that showed it belongs to the client of a system. */

const DAY_MS = 86_400_000;
const MOST_NAMES = 50;
const LONGEST_NAME = 300;

/** The part of Node's `PeerCertificate` that is read. All of it came from the other side, and is empty when it showed none. */
export interface ShownCertificate {
  readonly subject?: Readonly<Record<string, unknown>> | undefined;
  readonly issuer?: Readonly<Record<string, unknown>> | undefined;
  readonly subjectaltname?: string | undefined;
  readonly valid_from?: string | undefined;
  readonly valid_to?: string | undefined;
}

export interface CertificateFacts {
  /** False: none was shown, and the other fields say nothing. */
  readonly seen: boolean;
  readonly subject: string;
  readonly issuer: string;
  /** The names and addresses that it is for. */
  readonly names: readonly { readonly name: string }[];
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whole days until `notAfter`; negative once it is over, 0 on the last day and when none was seen. */
  readonly daysLeft: number;
  readonly secondsLeft: number;
  readonly expired: boolean;
}

export const NO_CERTIFICATE: CertificateFacts = { seen: false, subject: '', issuer: '', names: [], notBefore: '', notAfter: '', daysLeft: 0, secondsLeft: 0, expired: false };

export function certificateFacts(shown: ShownCertificate | undefined, nowMs: number): CertificateFacts {
  const notAfterMs = Date.parse(shown?.valid_to ?? '');
  if (shown === undefined || Number.isNaN(notAfterMs)) return NO_CERTIFICATE;
  const notBeforeMs = Date.parse(shown.valid_from ?? '');
  const leftMs = notAfterMs - nowMs;
  return {
    seen: true,
    subject: distinguished(shown.subject),
    issuer: distinguished(shown.issuer),
    names: namesOf(shown.subjectaltname ?? ''),
    notBefore: Number.isNaN(notBeforeMs) ? '' : new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    daysLeft: Math.floor(leftMs / DAY_MS),
    secondsLeft: Math.floor(leftMs / 1_000),
    expired: leftMs <= 0,
  };
}

/** `DNS:a.example, IP Address:10.0.0.1`; Node quotes names that hold a comma, so that one name cannot pass for two. */
function namesOf(text: string): { name: string }[] {
  return [...text.matchAll(/(?:DNS|IP Address|URI|email):("(?:[^"\\]|\\.)*"|[^,]*)/g)].slice(0, MOST_NAMES).map((match) => ({ name: (match[1] ?? '').trim().slice(0, LONGEST_NAME) }));
}

function distinguished(parts: Readonly<Record<string, unknown>> | undefined): string {
  if (parts === undefined) return '';
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join('+') : String(value)}`)
    .join(', ')
    .slice(0, LONGEST_NAME);
}
