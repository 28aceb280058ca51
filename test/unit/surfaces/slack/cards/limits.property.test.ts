import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EFFECT_STATUSES, OFFER_STATUSES, RUN_STATUSES, type ApprovalView, type EffectView, type InputFieldView, type OfferView, type RunView, type TimelineEntry } from '#engine/model/views.ts';
import { renderCard, renderMinimalCard } from '#surfaces/slack/cards/incident-card.ts';
import { approveModal, closeModal, planModal, settleModal, type Metadata } from '#surfaces/slack/cards/modals.ts';
import type { Subject } from '#surfaces/slack/cards/subject.ts';
import { alertFacts, detailsOf, nextMessage } from '#surfaces/slack/cards/thread.ts';
import { brokenLimits, brokenModalLimits } from '../../../../kit/slack/limits.ts';
import { approvalView, effectView, incidentView, offerView, runView, timelineEntry } from '../../../../kit/views.ts';

const NASTY = ['<!channel>', '<!here|here>', '@everyone', '<@U12345>', '<https://evil.example|Approve>', '&lt;!channel&gt;', '```', '*bold* _it_ ~no~', ':white_check_mark:', '\u202eevil\u202c', '\u200b', '\u0000\u0007', '\ud800', '😀'.repeat(40), 'ﷺ'.repeat(400), 'x'.repeat(4_000), '', '   ', '\n\n\n', '"\\'.repeat(500), '&'.repeat(300), '>'.repeat(300), '__proto__', 'zalgo\u0301\u0301\u0301'];
const text = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...NASTY) }, { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) }, { weight: 1, arbitrary: fc.array(fc.constantFrom(...NASTY), { maxLength: 4 }).map((parts) => parts.join('')) });
const texts = (most: number): fc.Arbitrary<string[]> => fc.array(text, { maxLength: most });
const hash = fc.constantFrom('5f3c'.repeat(16), 'not a digest', '<!channel>', 'x'.repeat(3_000));
const json = fc.oneof(text, fc.record({ status: text }), fc.constant(null), fc.integer());
const id = (kind: string): fc.Arbitrary<string> => fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 9 }).map((at) => `${kind}_${'0'.repeat(25)}${at}`) }, { weight: 1, arbitrary: text });

const plan = fc.record({ summary: text, digest: hash, notes: texts(4), changes: fc.array(fc.record({ item: text, title: text, current: json, next: json }), { maxLength: 6 }) });
const decision = fc.record({ principal: fc.oneof(text, fc.constant('slack:U12345')), decision: fc.constantFrom('approve' as const, 'deny' as const), reason: fc.option(text), via: text, at: text });
const approval: fc.Arbitrary<ApprovalView> = fc
  .record({ id: id('apr'), title: text, target: text, tier: fc.constantFrom('R1' as const, 'R2' as const, 'R3' as const), status: fc.constantFrom('pending' as const, 'approved' as const, 'denied' as const), because: fc.option(text), plan, requester: text, moved: texts(5), confirm: fc.option(text), expiresAt: text, decisions: fc.array(decision, { maxLength: 6 }), needs: fc.record({ approvers: fc.constantFrom(1, 2), roles: texts(9), excluded: texts(9) }) })
  .map((fields) => approvalView(fields));
const input: fc.Arbitrary<InputFieldView> = fc.record({ name: text, type: fc.constantFrom('string' as const, 'int' as const, 'double' as const, 'bool' as const, 'list' as const), title: text, required: fc.boolean(), default: fc.oneof(json, texts(3)), options: fc.option(fc.oneof(fc.array(text, { maxLength: 3 }), fc.constant(Array.from({ length: 130 }, (_, at) => `job-${at}`)))) });
const offer: fc.Arbitrary<OfferView> = fc.record({ id: text, title: text, status: fc.constantFrom(...OFFER_STATUSES), because: fc.option(text), approvalId: fc.option(fc.constantFrom('a0', 'a1', 'a2')), inputs: fc.array(input, { maxLength: 3 }), progress: fc.record({ total: fc.nat(), applied: fc.nat(), failed: fc.nat(), skipped: fc.nat(), unknown: fc.nat() }), verified: fc.option(fc.record({ outcome: fc.constantFrom('passed' as const, 'unknown' as const), say: text })) }).map((fields) => offerView(fields));
const effect: fc.Arbitrary<EffectView> = fc.record({ key: text, item: text, status: fc.constantFrom(...EFFECT_STATUSES), evidence: fc.option(text) }).map((fields) => effectView(fields));
const run: fc.Arbitrary<RunView> = fc
  .record({ id: id('run'), title: text, runbook: text, target: text, status: fc.constantFrom(...RUN_STATUSES), because: fc.option(text), startedAt: text, findings: fc.array(fc.record({ severity: fc.constantFrom('info' as const, 'critical' as const), say: text }), { maxLength: 12 }), unknowns: texts(8), offers: fc.array(offer, { maxLength: 3 }), effects: fc.array(effect, { maxLength: 4 }) })
  .map((fields) => runView(fields));
const labels = fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs));
const incident = fc.record({ id: id('inc'), title: text, severity: text, target: text, runbook: fc.option(text), notes: texts(6), status: fc.constantFrom('open' as const, 'closed' as const), openedAt: text, closedAt: fc.option(text), closedBy: fc.option(text), closedBecause: fc.option(text), alerts: fc.array(fc.record({ labels, annotations: labels, startsAt: text, fingerprint: text }), { maxLength: 5 }) })
  .map((fields) => incidentView({ ...fields, alerts: fields.alerts.map((alert) => ({ ...(incidentView().alerts[0] as never as object), ...alert })) as never }));
const subject: fc.Arbitrary<Subject> = fc.record({ id: id('inc'), incident: fc.option(incident), runs: fc.array(run, { maxLength: 2 }), approvals: fc.array(approval, { minLength: 3, maxLength: 3 }) }).map((fields) => ({ ...fields, approvals: new Map(fields.approvals.map((one, at) => [`a${at}`, one])) }));
const metadata: fc.Arbitrary<Metadata> = fc.record({ subject: id('inc').map((one) => one.slice(0, 64)), channel: fc.constant('C123456789'), messageTs: fc.constant('1.2'), value: fc.constant('x'.repeat(200)) });

describe('cards of any content', () => {
  it('never break a limit of Slack and never hold live markup', () => {
    fc.assert(
      fc.property(subject, fc.constantFrom({}, { baseUrl: 'https://bot.example/' }), (one, options) => {
        expect(brokenLimits(renderCard(one, options))).toEqual([]);
        expect(brokenLimits(renderMinimalCard(one, options))).toEqual([]);
      }),
      { numRuns: 10_000 },
    );
  }, 120_000);

  it('keep a pending approval with its buttons, however much else there is', () => {
    fc.assert(
      fc.property(subject, text, (one, title) => {
        const pending = approvalView({ title });
        const busy: Subject = { ...one, runs: [runView({ offers: [offerView(), ...(one.runs[0]?.offers ?? [])], findings: Array.from({ length: 20 }, () => ({ severity: 'critical' as const, say: 'x'.repeat(900) })), unknowns: Array.from({ length: 20 }, () => 'ﷺ'.repeat(300)) })], approvals: new Map([[pending.id, pending]]) };
        const shown = JSON.stringify(renderCard(busy));
        expect(shown).toContain(`${pending.id}.${pending.plan.digest}`);
      }),
      { numRuns: 500 },
    );
  });

  it('have threads that keep the limits as well, and say every line', () => {
    const entry = fc.record({ type: fc.constantFrom('ApprovalRequested', 'Diagnosed', 'StepFailed', 'WaveChecked'), at: text, say: text, data: fc.oneof(fc.record({ plan: fc.record({ items: fc.array(fc.record({ key: text, title: text, current: json, next: json }), { maxLength: 60 }), notes: texts(3) }) }), fc.record({ findings: fc.array(fc.record({ severity: text, say: text }), { maxLength: 5 }), unknowns: texts(5) }), fc.record({ failure: fc.record({ reason: text, message: text }) }), fc.constant({})) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (fields) => {
        const entries: TimelineEntry[] = fields.map((one, at) => timelineEntry({ ...one, version: at + 1 } as Partial<TimelineEntry>));
        let seen = { version: 0, part: 0 };
        for (let at = 0; at < 200; at += 1) {
          const message = nextMessage(detailsOf(entries.slice(Math.max(0, seen.version - 1)), seen));
          if (message === undefined) return;
          expect(brokenLimits(message)).toEqual([]);
          expect(message.upTo).not.toEqual(seen);
          seen = { ...message.upTo };
        }
        expect.fail('the thread never ends');
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(incident, (one) => void expect(brokenLimits(alertFacts(one))).toEqual([])), { numRuns: 500 });
  });

  it('have forms that keep the limits of modals', () => {
    fc.assert(
      fc.property(approval, effect, offer, text, metadata, (one, unknown, form, title, about) => {
        for (const modal of [approveModal(one, about), settleModal(unknown, { ...about, outcome: 'applied' }), planModal(form, about), closeModal(title, about)]) expect(brokenModalLimits({ ...modal })).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
