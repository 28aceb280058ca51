/**
 * Says what went wrong with a call to Kubernetes, and what to do about it. The API answers most errors with a Status object,
 * but a proxy, its own throttling, an absent API group and an absent backend answer with plain text, and a 401 may be empty.
 * Source: recordings of a kube-apiserver v1.36.2, copies of which are in test/fixtures/kubernetes.
 */
import type { Failure, FailureReason } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import { quoteForeign } from '#kernel/redact.ts';
import { z } from 'zod';

/** What was being done, for messages and for whether it can have landed. */
export interface CallFacts {
  /** Completes "Kubernetes did not …": `list pods`. */
  readonly doing: string;
  /** A dry run writes nothing. */
  readonly writes: boolean;
  /** A JSON patch: its failed `test` has no words of its own. */
  readonly jsonPatch?: boolean;
  /** The API server asks the kubelet of a node for the answer. */
  readonly byKubelet?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Seconds, where the server said how long to wait. */
  readonly retryAfter: string;
  readonly body: string;
}

/** Text from the server that may stand in a message, in characters: some of its messages hold a whole object. */
const LONGEST_QUOTE = 300;
const MOST_CAUSES = 5;

/** Errors from before the first byte of the request was sent: the call cannot have landed. */
const NOT_SENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check the server in the kubeconfig and that the API server runs',
  ENOTFOUND: 'its name is not known: check the server in the kubeconfig and DNS',
  EAI_AGAIN: 'its name could not be looked up: check DNS',
  EHOSTUNREACH: 'there is no way to the host: check the network',
  ENETUNREACH: 'there is no way to its network: check the network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time: check the network and firewalls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: put its CA into the kubeconfig (certificate-authority-data)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown CA: put that CA into the kubeconfig (certificate-authority-data)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown CA: put that CA into the kubeconfig (certificate-authority-data)',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an unknown CA: put that CA into the kubeconfig (certificate-authority-data)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown CA: put that CA into the kubeconfig (certificate-authority-data)',
  CERT_SIGNATURE_FAILURE: 'its certificate is not signed by the CA of the kubeconfig: the cluster may have been built anew, so fetch the kubeconfig again',
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check both clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: check the server in the kubeconfig, or set tls-server-name there',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on that port: check http or https in the kubeconfig',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS on that port: check http or https in the kubeconfig',
};

interface Meaning {
  readonly reason: FailureReason;
  readonly say: string;
}

/** Lenient: with its storage down the API server leaves out kind and apiVersion (recording etcd_down_list_pods). */
const statusShape = z.object({
  message: z.string().catch(''),
  reason: z.string().catch(''),
  details: z
    .object({
      name: z.string().catch(''),
      causes: z.array(z.object({ reason: z.string().catch(''), message: z.string().catch(''), field: z.string().catch('') })).catch([]),
    })
    .catch({ name: '', causes: [] }),
});
type Status = z.output<typeof statusShape>;

/** A failure before any answer: the connection, a timeout, a cancelled run. `timedOut` and `cancelled` say who ended it. */
export function failureOfError(error: unknown, call: CallFacts, ended: { readonly timedOut: boolean; readonly cancelled: boolean; readonly afterMs: number }): Failure {
  if (ended.timedOut) {
    const because = call.byKubelet === true ? "the kubelet of that pod's node does not answer, or the API server is overloaded" : 'its API server is overloaded, its storage does not answer, or something on the way swallows packets';
    return failure('timeout', `Kubernetes did not ${call.doing} within ${ended.afterMs} ms: ${because}.`, call, 'maybe');
  }
  if (ended.cancelled) return failure('cancelled', `The call to Kubernetes (${call.doing}) was cancelled.`, call, 'maybe');
  const code = codeOf(error);
  const known = NOT_SENT[code];
  if (known !== undefined) return failure('unreachable', `Kubernetes cannot be reached to ${call.doing}: ${known} (${code}).`, call, 'no');
  const name = code === '' ? 'no error code' : code;
  return failure('unreachable', `The connection to Kubernetes broke while it was to ${call.doing} (${name}): a restart of the API server, or a proxy on the way.`, call, 'maybe');
}

/** A failure that the API server, or something in front of it, answered. */
export function failureOfAnswer(answer: HttpAnswer, call: CallFacts): Failure {
  const status = readStatus(answer.body);
  const admission = admissionSays(answer, status);
  const { reason, say } = admission ?? meaningOf(answer, status, call);
  // A 4xx was decided before anything was stored, and so is admission; a server error, a redirect or a proxy's timeout may have come after.
  const decidedBefore = admission !== undefined || (answer.status >= 400 && answer.status < 500 && answer.status !== 408);
  return failure(reason, `Kubernetes did not ${call.doing}: ${say}`, call, decidedBefore ? 'no' : 'maybe');
}

/** A 2xx whose body is not what this call answers. */
export function unreadable(call: CallFacts, because: string): Failure {
  return failure('unexpected', `Kubernetes answered, but not as expected when asked to ${call.doing} (${quote(because)}): is it really a Kubernetes API server?`, call, 'maybe');
}

export function tooLarge(call: CallFacts, mostBytes: number): Failure {
  return failure('tooLarge', `Kubernetes' answer when asked to ${call.doing} was over ${mostBytes} bytes and was dropped: ask for less.`, call, 'maybe');
}

/** Nothing was sent: a guard of ours, or the credentials, said no. */
export function notSent(call: CallFacts, reason: FailureReason, because: string): Failure {
  return failure(reason, `Kubernetes was not asked to ${call.doing}: ${because}.`, call, 'no');
}

export function isGone(answer: HttpAnswer): boolean {
  return answer.status === 410;
}

function failure(reason: FailureReason, message: string, call: CallFacts, landed: 'no' | 'maybe'): Failure {
  return call.writes ? { reason, message, landed } : { reason, message };
}

/**
 * A webhook chooses the number of its denial, 400 where it names none; a policy's is a 422, and of a webhook that is away the API
 * server tells as of a failure of its own (recordings admission_webhook_denies_400, admission_policy_denies_422, admission_webhook_unreachable_500).
 */
function admissionSays(answer: HttpAnswer, status: Status | undefined): Meaning | undefined {
  if (status === undefined) return undefined;
  const away = /failed calling webhook "(?<webhook>[^"]{1,253})"/.exec(status.message)?.groups?.['webhook'];
  if (away !== undefined) return { reason: 'unavailable', say: `the admission webhook ${quote(away)}, which the cluster asks before such a change, does not answer (${answer.status}: ${sayOf(status)}): look at what serves it.` };
  const denied = /admission webhook "[^"]{1,253}" denied the request|ValidatingAdmissionPolicy '[^']{1,253}' [^\n]{0,300}denied request/.test(status.message);
  return denied ? { reason: 'forbidden', say: `the cluster does not allow it, which is no matter of roles (${answer.status}: ${sayOf(status)}).` } : undefined;
}

function meaningOf(answer: HttpAnswer, status: Status | undefined, call: CallFacts): Meaning {
  const said = status === undefined ? '' : sayOf(status);
  const wait = /^\d{1,6}$/.test(answer.retryAfter) ? `; it asks to wait ${answer.retryAfter} s` : '';
  if (answer.status >= 300 && answer.status < 400) {
    return { reason: 'unexpected', say: `it answered with a redirect (${answer.status}), which is not followed because the credentials would go along: put the final address into the kubeconfig.` };
  }
  switch (answer.status) {
    case 401:
      return { reason: 'unauthorised', say: 'the credentials were refused (401): the token or certificate has expired or was revoked. Log in again, or renew the kubeconfig; in a pod, check that its service account still exists.' };
    case 403:
      return forbidden(status, said);
    case 404:
      return missing(status, said);
    case 409:
      return status?.reason === 'AlreadyExists' ? { reason: 'conflict', say: `it exists already (409: ${said}).` } : { reason: 'conflict', say: `it was changed in the meantime (409: ${said}): look again and plan anew.` };
    case 410:
      return { reason: 'unavailable', say: 'the list has expired while it was read (410): try again.' };
    case 413:
      return { reason: 'tooLarge', say: 'the request is too large (413).' };
    case 422:
      return unprocessable(status, said, call);
    case 429:
      return status?.details.causes.some((cause) => cause.reason === 'DisruptionBudget') === true
        ? { reason: 'refused', say: `a PodDisruptionBudget does not allow it now (429: ${said}).` }
        : { reason: 'rateLimited', say: `it is throttling this user (429)${wait}: it is overloaded, or another client of the same user asks too much.` };
    case 408:
    case 504:
      return { reason: 'timeout', say: `it gave up waiting, most likely for its storage, etcd (${answer.status}${said === '' ? '' : `: ${said}`}).` };
    default:
      return other(answer, said, wait);
  }
}

function other(answer: HttpAnswer, said: string, wait: string): Meaning {
  const detail = said === '' ? `${answer.status}` : `${answer.status}: ${said}`;
  if (answer.status === 503) return { reason: 'unavailable', say: `it, or a backend of this API, is not available (${said === '' ? `503: ${quote(plainText(answer))}` : detail})${wait}.` };
  if (answer.status >= 500) {
    // The second is said of a node that has no address.
    if (/containerLogs|kubelet|no preferred addresses/i.test(said)) return { reason: 'unavailable', say: `it cannot reach the kubelet of that pod's node (${detail}): look at the node.` };
    return { reason: 'unavailable', say: `it failed inside (${detail}).` };
  }
  if (/HTTP request to an HTTPS server/i.test(answer.body)) return { reason: 'unreachable', say: 'it speaks TLS on that port: write https into the kubeconfig.' };
  // Recording pod_log_previous_missing_400; the second is the kubelet's word for a container that has never run.
  if (/previous terminated container .* not found/s.test(said)) return { reason: 'notFound', say: `that container has not run before, so there is no earlier log (${detail}).` };
  if (/is waiting to start/.test(said)) return { reason: 'notFound', say: `that container has not begun to run, so there is no log (${detail}).` };
  if (answer.status === 405 || answer.status === 406 || answer.status === 415) return { reason: 'unexpected', say: `it does not take such a request (${detail}): is it really a Kubernetes API server?` };
  return { reason: 'invalid', say: `it does not accept the request (${detail}).` };
}

/** Also quota, admission and a namespace that is going away answer 403; what a role lacks is worded in one way only. */
function forbidden(status: Status | undefined, said: string): Meaning {
  if (status === undefined) return { reason: 'forbidden', say: 'something in front of the API server says no (403 without a Status): check proxies on the way.' };
  if (status.message.includes('User "system:anonymous"')) {
    return { reason: 'unauthorised', say: 'it saw no credentials at all (403 for system:anonymous): check that the user in the kubeconfig has a token, a certificate or an exec plugin.' };
  }
  const lacks = /cannot (?<verb>[a-z]{1,40}) resource "(?<resource>[^"]{1,120})" in API group "(?<group>[^"]{0,120})"(?<where>[^\n]{0,200})/.exec(status.message)?.groups;
  if (lacks !== undefined) {
    const group = lacks['group'] === '' ? 'the core group' : `group ${lacks['group'] ?? ''}`;
    return { reason: 'forbidden', say: `its role lacks the verb ${lacks['verb'] ?? ''} on ${lacks['resource'] ?? ''} (${group})${quote(lacks['where'] ?? '').replace(/^(?=\S)/, ' ')}: grant it, or leave this step out (403).` };
  }
  if (status.message.includes('exceeded quota')) return { reason: 'forbidden', say: `a ResourceQuota of the namespace is used up (403: ${said}).` };
  return { reason: 'forbidden', say: `the cluster does not allow it, which is no matter of roles (403: ${said}).` };
}

function missing(status: Status | undefined, said: string): Meaning {
  if (status === undefined) return { reason: 'unexpected', say: 'this API is not served there (404 without a Status): is it a Kubernetes API server of at least v1.25?' };
  if (status.details.name === '') return { reason: 'unexpected', say: `this kind of object is not served there (404: ${said}).` };
  return { reason: 'notFound', say: `it is not there (404: ${said}).` };
}

/** A JSON patch whose `test` no longer holds is answered with one bare sentence (recording scale_patch_json_test_fails_422). */
function unprocessable(status: Status | undefined, said: string, call: CallFacts): Meaning {
  if (call.jsonPatch === true && status?.message === 'the server rejected our request due to an error in our request') {
    return { reason: 'conflict', say: 'what the change was planned on is no longer so (422 to the test in the patch): look again and plan anew.' };
  }
  return { reason: 'invalid', say: `the change is not valid (422: ${said}).` };
}

/** What the causes say, field by field; else the message without the object that some messages quote. */
function sayOf(status: Status): string {
  const causes = status.details.causes.filter((cause) => cause.field !== '' && cause.field !== 'patch' && !cause.message.includes('{'));
  if (causes.length > 0) return quote(causes.slice(0, MOST_CAUSES).map((cause) => `${cause.field}: ${cause.message}`).join('; ') || status.message);
  return quote(withoutObject(status.message));
}

function withoutObject(message: string): string {
  const begin = message.indexOf('"{');
  const end = message.lastIndexOf('}"');
  return begin === -1 ? message : `${message.slice(0, begin)}(the object)${end > begin ? message.slice(end + 2) : ''}`;
}

function plainText(answer: HttpAnswer): string {
  return answer.contentType.startsWith('text/plain') ? answer.body : 'no text';
}

function readStatus(body: string): Status | undefined {
  const read = statusShape.safeParse(parseJson(body));
  return read.success && (read.data.message !== '' || read.data.reason !== '') ? read.data : undefined;
}

/** Foreign text, made fit for one sentence: no control characters, no secret, not long. Redacted before it is cut. */
export function quote(said: string): string {
  return quoteForeign(said, LONGEST_QUOTE);
}

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
