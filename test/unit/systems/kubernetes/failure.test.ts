import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallFacts, failureOfAnswer, failureOfError, type HttpAnswer } from '#systems/kubernetes/failure.ts';
import { bodyText, kubeRecording, kubeRecordingNames } from '../../../kit/kubernetes/recordings.ts';

const reading: CallFacts = { doing: 'list pods', writes: false };
const writing: CallFacts = { doing: 'change deployments/cordum-scheduler', writes: true };

function recorded(name: string): HttpAnswer {
  const recording = kubeRecording(name);
  const { status, headers } = recording.response;
  return { status, contentType: headers['content-type'] ?? '', retryAfter: headers['retry-after'] ?? '', body: bodyText(recording) };
}

describe('what a recorded error means', () => {
  it.each([
    ['auth_bad_token_401', 'unauthorised', 'the credentials were refused (401)'],
    ['auth_anonymous_403', 'unauthorised', 'it saw no credentials at all'],
    ['rbac_scale_patch_forbidden_403', 'forbidden', 'its role lacks the verb patch on deployments/scale (group apps) in the namespace "cordum"'],
    ['rbac_other_namespace_forbidden_403', 'forbidden', 'its role lacks the verb list on pods (the core group) in the namespace "kube-system"'],
    ['pod_create_quota_403', 'forbidden', 'a ResourceQuota of the namespace is used up'],
    ['create_in_terminating_namespace_403', 'forbidden', 'which is no matter of roles'],
    ['admission_webhook_denies_400', 'forbidden', 'which is no matter of roles (400: admission webhook "deny.example.com" denied the request: [denied] images must come from registry.corp).'],
    ['admission_policy_denies_422', 'forbidden', 'change freeze until Monday'],
    ['admission_webhook_unreachable_500', 'unavailable', 'the admission webhook dead.example.com, which the cluster asks before such a change, does not answer'],
    ['deployment_get_404', 'notFound', 'it is not there'],
    ['rollout_get_crd_absent', 'unexpected', 'this API is not served there'],
    ['discovery_resource_absent', 'unexpected', 'this kind of object is not served there'],
    ['deployment_patch_stale_rv_409', 'conflict', 'it was changed in the meantime'],
    ['job_create_exists_409', 'conflict', 'it exists already'],
    ['pods_continue_expired_410', 'unavailable', 'the list has expired'],
    ['request_too_large_413', 'tooLarge', 'the request is too large'],
    ['scale_patch_content_type_415', 'unexpected', 'it does not take such a request (415'],
    ['scale_patch_negative_422', 'invalid', 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ['deployment_patch_invalid_many_422', 'invalid', 'spec.template.spec.containers[0].image: Required value'],
    ['scale_patch_malformed_400', 'invalid', 'unexpected end of JSON input'],
    ['throttled_429', 'rateLimited', 'it asks to wait 1 s'],
    ['metrics_unavailable_503', 'unavailable', 'service unavailable'],
    ['metrics_backend_down_503', 'unavailable', 'error trying to reach service'],
    ['etcd_down_list_pods', 'timeout', 'most likely for its storage'],
    ['pod_log_kubelet_unreachable_500', 'unavailable', 'it cannot reach the kubelet'],
    ['pod_log_previous_missing_400', 'notFound', 'that container has not run before'],
    ['pod_log_bad_container_400', 'invalid', 'container api-gateway is not valid for pod'],
  ])('reads %s as %s', (name, reason, says) => {
    const failure = failureOfAnswer(recorded(name), reading);
    expect(failure.reason).toBe(reason);
    expect(failure.message).toContain(says);
    expect(failure.message).toMatch(/^Kubernetes did not list pods: .*[.?]$/s);
  });

  it('never echoes an object, and stays short', () => {
    const errors = kubeRecordingNames().filter((name) => kubeRecording(name).response.status >= 400);
    expect(errors.length).toBeGreaterThan(50);
    for (const name of errors) {
      const { message } = failureOfAnswer(recorded(name), writing);
      expect(message).not.toContain('managedFields');
      expect(message.length).toBeLessThan(700);
    }
    expect(failureOfAnswer(recorded('scale_patch_string_422'), writing).message).toContain('(the object): json: cannot unmarshal string');
  });

  it('takes a failed test of a JSON patch for a conflict, and of no other patch', () => {
    expect(failureOfAnswer(recorded('deployment_undo_rv_guard_422'), { ...writing, jsonPatch: true }).reason).toBe('conflict');
    expect(failureOfAnswer(recorded('deployment_undo_rv_guard_422'), writing).reason).toBe('invalid');
  });
});

describe('whether a failed write can have landed', () => {
  it.each(['rbac_scale_patch_forbidden_403', 'deployment_patch_stale_rv_409', 'scale_patch_negative_422', 'throttled_429', 'auth_bad_token_401', 'admission_webhook_unreachable_500'])('is certain after %s: it has not', (name) => {
    expect(failureOfAnswer(recorded(name), writing).landed).toBe('no');
  });

  it.each(['etcd_down_scale_patch', 'metrics_unavailable_503', 'pod_log_kubelet_unreachable_500'])('is open after %s', (name) => {
    expect(failureOfAnswer(recorded(name), writing).landed).toBe('maybe');
  });

  it('is not said of a read', () => {
    expect(failureOfAnswer(recorded('etcd_down_list_pods'), reading)).not.toHaveProperty('landed');
  });

  it('is certain where no connection came about, and open where one broke', () => {
    const ended = { timedOut: false, cancelled: false, afterMs: 10 };
    const refused = failureOfError(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), writing, ended);
    const broken = failureOfError(Object.assign(new Error('no'), { code: 'UND_ERR_SOCKET' }), writing, ended);
    expect([refused.reason, refused.landed]).toEqual(['unreachable', 'no']);
    expect([broken.reason, broken.landed]).toEqual(['unreachable', 'maybe']);
  });
});

describe('a log that does not come', () => {
  it('is laid to the kubelet of the node, also where the node has no address (seen on v1.36.2)', () => {
    const log = { doing: 'read the log of x (y)', writes: false, byKubelet: true };
    const late = { timedOut: true, cancelled: false, afterMs: 10 };
    expect(failureOfError(new Error('late'), log, late)).toMatchObject({ reason: 'timeout', message: expect.stringContaining("the kubelet of that pod's node does not answer") as string });
    expect(failureOfError(new Error('late'), reading, late).message).toContain('its storage does not answer');
    const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'no preferred addresses found; known addresses: []', code: 500 });
    expect(failureOfAnswer({ status: 500, contentType: 'application/json', retryAfter: '', body }, log)).toMatchObject({ reason: 'unavailable', message: expect.stringContaining('look at the node') as string });
  });
});

describe('answers of whatever else may stand in front', () => {
  it('does not take a proxy\'s page for a Status', () => {
    const page = { status: 403, contentType: 'text/html', retryAfter: '', body: '<html>no</html>' };
    expect(failureOfAnswer(page, reading)).toMatchObject({ reason: 'forbidden', message: expect.stringContaining('something in front') as string });
  });

  it('says of a redirect that it is not followed', () => {
    expect(failureOfAnswer({ status: 302, contentType: '', retryAfter: '', body: '' }, reading)).toMatchObject({ reason: 'unexpected' });
  });

  it('hides a token that a message quotes', () => {
    const body = JSON.stringify({ kind: 'Status', status: 'Failure', message: 'admission webhook "x" denied: Authorization: Bearer abcdef0123456789.XYZ', reason: 'BadRequest', code: 400 });
    expect(failureOfAnswer({ status: 400, contentType: 'application/json', retryAfter: '', body }, reading).message).not.toContain('abcdef0123456789');
  });

  it('reads any body of any error into one bounded sentence without control characters', () => {
    const anything = fc.record({ status: fc.integer({ min: 300, max: 599 }), contentType: fc.string(), retryAfter: fc.string(), body: fc.oneof(fc.string(), fc.json(), fc.json().map((text) => `{"message":"x","details":${text}}`)) });
    fc.assert(
      fc.property(anything, (answer) => {
        const { message } = failureOfAnswer(answer, writing);
        // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
        return message.length < 800 && !/[\u0000-\u001f]/.test(message);
      }),
    );
  });
});
