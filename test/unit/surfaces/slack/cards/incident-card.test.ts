import { describe, expect, it } from 'vitest';
import type { ApprovalView, IncidentView, RunView } from '#engine/model/views.ts';
import type { Block } from '#surfaces/slack/cards/blocks.ts';
import { renderCard } from '#surfaces/slack/cards/incident-card.ts';
import type { Subject } from '#surfaces/slack/cards/subject.ts';
import { brokenLimits } from '../../../../kit/slack/limits.ts';
import { approvalView, effectView, incidentView, offerView, planView, runView } from '../../../../kit/views.ts';

function subject(runs: readonly RunView[] = [runView()], approvals: readonly ApprovalView[] = [approvalView()], incident: IncidentView | null = incidentView()): Subject {
  return { id: incident?.id ?? runs[0]?.id ?? '', incident, runs, approvals: new Map(approvals.map((one) => [one.id, one])) };
}

/** A card as a reader sees it: a line a text, buttons in brackets. */
function read(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      switch (block.type) {
        case 'divider':
          return '---';
        case 'header':
          return `# ${block.text.text}`;
        case 'section':
          return block.text.text;
        case 'context':
          return block.elements.map((element) => `  ${element.text.replaceAll('\u2060', '').replaceAll('\n', '\n  ')}`).join('\n');
        case 'actions':
          return block.elements.map((one) => `[${one.text.text}${one.confirm === undefined ? '' : ' ?'}${one.style === undefined ? '' : ` ${one.style}`}]`).join(' ');
        case 'input':
          return block.label.text;
      }
    })
    .join('\n');
}

const shown = (one: Subject, options = {}): string => {
  const card = renderCard(one, options);
  expect(brokenLimits(card)).toEqual([]);
  return `${card.text}\n\n${read(card.blocks)}`;
};
const longPlan = planView({ summary: 'Retry 239 entries that never reached a worker.', changes: Array.from({ length: 239 }, (_, at) => ({ item: `job-${at}`, title: `job-${at} on job.default`, current: 'DLQ', next: 'PENDING' })) });

describe('the incident card', () => {
  it('says that it is looking while nothing is known', () => {
    expect(shown(subject([runView({ status: 'running', because: null, findings: [], offers: [] })], []))).toMatchSnapshot();
  });

  it('shows a pending approval: what, who may, until when, on which plan', () => {
    expect(shown(subject([runView()], [approvalView({ plan: longPlan })]), { baseUrl: 'https://bot.example' })).toMatchSnapshot();
  });

  it('never offers R3 in one click, and shows who has approved so far', () => {
    const approval = approvalView({ tier: 'R3', confirm: 'production', needs: { approvers: 2, roles: ['sre', 'lead'], excluded: ['slack:U777'] }, requester: 'slack:U777', decisions: [{ principal: 'slack:U123', decision: 'approve', reason: 'Checked.', via: 'slack', at: '2026-03-01T10:03:00.000Z' }], moved: ['job-3 is gone'] });
    expect(shown(subject([runView({ offers: [offerView({ tier: 'R3' })] })], [approval]))).toMatchSnapshot();
  });

  it('shows who decided, when and what, and how the waves go', () => {
    const approval = approvalView({ status: 'redeemed', decisions: [{ principal: 'slack:U123', decision: 'approve', reason: null, via: 'slack', at: '2026-03-01T10:03:00.000Z' }] });
    const offer = offerView({ status: 'applying', progress: { total: 240, applied: 31, failed: 0, skipped: 1, unknown: 0 }, waves: [{ index: 0, size: 1, done: 1, returned: 0, failed: 0, unknown: 0 }, { index: 1, size: 5, done: 4, returned: 1, failed: 0, unknown: 0 }] });
    expect(shown(subject([runView({ status: 'running', because: null, offers: [offer] })], [approval]))).toMatchSnapshot();
  });

  it.each(['expired', 'withdrawn', 'planFailed', 'failed', 'halted'] as const)('offers to plan again when an offer is %s', (status) => {
    const approval = approvalView({ status: 'expired' });
    expect(shown(subject([runView({ offers: [offerView({ status })] })], [approval]))).toContain('[Plan again]');
    expect(shown(subject([runView({ status: 'failed', offers: [offerView({ status })] })], [approval]))).not.toContain('[Plan again]');
  });

  it('shows the evidence of an unknown effect and the two answers', () => {
    expect(shown(subject([runView({ status: 'unknown', offers: [offerView({ status: 'applying', progress: { total: 2, applied: 1, failed: 0, skipped: 0, unknown: 1 } })], effects: [effectView()] })], []))).toMatchSnapshot();
  });

  it('shows what could not be seen, and says that no runbook matches', () => {
    const blind = runView({ status: 'waiting', offers: [], findings: [], unknowns: ['The workers could not be listed: unreachable.'] });
    expect(shown(subject([blind], []))).toContain('*Could not see*\n• The workers could not be listed: unreachable.');
    expect(shown(subject([], [], incidentView({ runbook: null, runs: [], notes: ['No runbook matches this alert.'] })))).toMatchSnapshot();
  });

  it('shows how it ended when the incident is closed', () => {
    const incident = incidentView({ status: 'closed', closedAt: '2026-03-01T10:20:00.000Z', closedBy: 'alertmanager', closedBecause: 'The alerts have resolved.' });
    const offer = offerView({ status: 'done', verified: { outcome: 'passed', say: '239 of 239 jobs ended well.' } });
    expect(shown(subject([runView({ status: 'succeeded', because: 'done holds', offers: [offer] })], [approvalView({ status: 'redeemed' })], incident))).toMatchSnapshot();
  });

  it('shows a run that no incident stands behind', () => {
    expect(shown(subject([runView({ incidentId: null, trigger: { kind: 'slack', requester: 'slack:U123' } })], [approvalView({ incidentId: null })], null))).toContain('started by <@U123>');
  });

  it('stays within its budget when there is more than fits, says so, and keeps the oldest pending approvals whole', () => {
    const approvals = Array.from({ length: 15 }, (_, at) => approvalView({ id: `apr_${String(at).padStart(26, '0')}`, title: 'ﷺ'.repeat(300), plan: { ...longPlan, summary: 'ﷺ'.repeat(900) } }));
    const offers = approvals.map((approval) => offerView({ id: approval.id, approvalId: approval.id }));
    const card = renderCard(subject([runView({ offers })], approvals));
    expect(brokenLimits(card)).toEqual([]);
    expect(Buffer.byteLength(JSON.stringify(card.blocks))).toBeLessThanOrEqual(10_000);
    expect(read(card.blocks)).toContain('There is more than fits here');
    expect(JSON.stringify(card)).toContain(`${approvals[0]?.id}.${longPlan.digest}`);
  });

  it('keeps hostile labels inert and readable', () => {
    const alert = { ...incidentView().alerts[0], fingerprint: 'f', status: 'firing' as const, labels: { alertname: '<!channel> *x*', __proto__x: 'y', host: 'a\u202eb' }, annotations: { summary: '<https://evil.example|Approve> :tada: @here' }, startsAt: '', endsAt: null, generatorURL: '' };
    const text = shown(subject([], [], incidentView({ title: '<!here> deep & wide', alerts: [alert] })));
    expect(text).toContain('‹https://evil.example|Approve> :tada: @here');
    expect(text).toContain('host=a b');
  });
});
