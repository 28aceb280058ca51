/** The forms behind the buttons. What a form is about travels in `private_metadata`, which Slack hands back as it was. */
import { z } from 'zod';
import type { ApprovalView, EffectView, InputFieldView, OfferView } from '#engine/model/views.ts';
import { shortDigest } from '#kernel/digest.ts';
import type { Json } from '#kernel/json.ts';
import type { NoticeView } from '#operations/operations.ts';
import { MODALS } from './actions.ts';
import { planExtract } from './approval-part.ts';
import { context, LABEL_MAX, METADATA_MAX, MODAL_TITLE_MAX, OPTION_MAX, OPTIONS_MAX, section, type Block, type InputElement, type Modal, type Option } from './blocks.ts';
import { inert, inertLines, plain, shorten } from './text.ts';

export const REASON_MAX = 500;
const CONFIRM_MAX = 200;
const ANSWER_MAX = 2_000;
/** A modal holds 100 blocks; a runbook with more inputs than this is answered in the console. */
export const MOST_INPUTS = 40;
export const REASON = 'reason';
export const CONFIRM = 'confirm';

/** Where the button was pressed, so that an answer finds its way back, and what it is about. */
const metadataSchema = z.object({
  /** The card's subject. */
  subject: z.string().max(64),
  channel: z.string().max(64),
  messageTs: z.string().max(64),
  /** The value of the button. */
  value: z.string().max(200),
  outcome: z.enum(['applied', 'notApplied']).optional(),
});
export type Metadata = z.infer<typeof metadataSchema>;

export function readMetadata(text: string): Metadata | undefined {
  try {
    return metadataSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** R3: the whole decision is typed. `confirm` is what must be typed, the target's name. */
export function approveModal(approval: ApprovalView, metadata: Metadata): Modal {
  const type = approval.confirm ?? approval.target;
  return modal(MODALS.approve, 'Approve', 'Approve', metadata, [
    section(plain(`${approval.title}\n${approval.plan.summary}`, 1_200)),
    section(plain(planExtract(approval.plan), 1_500)),
    context(plain(`Tier ${approval.tier} on ${inert(approval.target, 100)}, plan ${inert(shortDigest(approval.plan.digest), 8)}. This approves exactly this plan.`, 300)),
    input(CONFIRM, `Type ${inert(type, 100)} to confirm`, { type: 'plain_text_input', action_id: CONFIRM, max_length: CONFIRM_MAX }),
    reasonInput('Why is this right?'),
  ]);
}

export function approveAheadModal({ drill, dueAt, drillView }: NoticeView, metadata: Metadata): Modal {
  return modal(MODALS.approveAhead, 'Approve ahead', 'Approve', metadata, [
    section(plain(`Restore drill ${inert(drill ?? '', 63)}, due ${dueAt.slice(0, 16)}Z${drillView === null ? '' : `, from ${inert(drillView.backups, 300)}`}`, 600)),
    context(plain('It counts for one run within an hour of that time, for the configuration as it is now, and only while you may still approve. It can be revoked.', 250)),
    reasonInput('Why is this right?'),
  ]);
}

export function settleModal(effect: EffectView, metadata: Metadata & { readonly outcome: 'applied' | 'notApplied' }): Modal {
  const says = metadata.outcome === 'applied' ? 'It was applied: it counts as done and is verified.' : 'It was not applied: it counts as failed. It is not sent again.';
  return modal(MODALS.settle, metadata.outcome === 'applied' ? 'It was applied' : 'It was not applied', 'Settle', metadata, [
    section(plain(`${inert(effect.item, 200)}\n${inert(effect.evidence ?? 'There is no evidence either way.', 800)}`, 1_200)),
    context(plain(says, 200)),
    reasonInput('How do you know?'),
  ]);
}

export function closeModal(title: string, metadata: Metadata): Modal {
  return modal(MODALS.close, 'Close incident', 'Close', metadata, [section(plain(title, 300)), reasonInput('Why can it be closed?')]);
}

export function planModal(offer: OfferView, metadata: Metadata): Modal {
  const blocks: Block[] = [section(plain(offer.title, 300))];
  blocks.push(...offer.inputs.slice(0, MOST_INPUTS).map(fieldInput));
  if (offer.inputs.some((field) => (field.options?.length ?? 0) > OPTIONS_MAX)) blocks.push(context(plain(`A list shows its first ${OPTIONS_MAX} choices; the console shows all.`, 150)));
  blocks.push(context(plain('Nothing changes yet: a plan is computed and put up for approval.', 150)));
  return modal(MODALS.plan, 'Plan', 'Plan', metadata, blocks);
}

/** Block ids are positions: a field's name is the runbook author's and may be longer than Slack allows. */
export function fieldBlockId(index: number): string {
  return `field-${index}`;
}

function fieldInput(field: InputFieldView, at: number): Block {
  return { type: 'input', block_id: fieldBlockId(at), label: plain(field.title === '' ? field.name : field.title, 200), optional: !field.required, element: fieldElement(field, fieldBlockId(at)) };
}

function fieldElement(field: InputFieldView, actionId: string): InputElement {
  if (field.type === 'bool') return choice(actionId, ['true', 'false'], defaultsOf(field), false);
  if (field.options !== null && field.options.length > 0) return choice(actionId, field.options, defaultsOf(field), field.type === 'list');
  if (field.type === 'int' || field.type === 'double') {
    const base = { type: 'number_input', action_id: actionId, is_decimal_allowed: field.type === 'double' } as const;
    return typeof field.default === 'number' ? { ...base, initial_value: String(field.default) } : base;
  }
  const base = { type: 'plain_text_input', action_id: actionId, max_length: ANSWER_MAX, multiline: field.type === 'list' } as const;
  const first = defaultsOf(field).join('\n');
  const hint = field.type === 'list' ? { placeholder: plain('One a line', 50) } : {};
  return first === '' ? { ...base, ...hint } : { ...base, ...hint, initial_value: inertLines(first, ANSWER_MAX) };
}

/** Options are named by position as well: Slack's limit for a value is shorter than a job id may be. */
function choice(actionId: string, choices: readonly string[], chosen: readonly string[], many: boolean): InputElement {
  const options: Option[] = choices.slice(0, OPTIONS_MAX).map((text, at) => ({ text: plain(text, OPTION_MAX), value: String(at) }));
  const initial = options.filter((_, at) => chosen.includes(choices[at] ?? ''));
  if (many) {
    const base = { type: 'multi_static_select', action_id: actionId, options } as const;
    return initial.length === 0 ? base : { ...base, initial_options: initial };
  }
  const base = { type: 'static_select', action_id: actionId, options } as const;
  return initial[0] === undefined ? base : { ...base, initial_option: initial[0] };
}

/** Defaults are texts, numbers or switches, or a list of texts; anything else is no default. */
function defaultsOf(field: InputFieldView): readonly string[] {
  const all: readonly Json[] = Array.isArray(field.default) ? field.default : [field.default];
  return all.filter((value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean').map(String);
}

function reasonInput(label: string): Block {
  return input(REASON, label, { type: 'plain_text_input', action_id: REASON, max_length: REASON_MAX, multiline: true });
}

function input(blockId: string, label: string, element: InputElement): Block {
  return { type: 'input', block_id: blockId, label: plain(label, LABEL_MAX), optional: false, element };
}

function modal(callbackId: string, title: string, submit: string, metadata: Metadata, blocks: readonly Block[]): Modal {
  return {
    type: 'modal',
    callback_id: callbackId,
    private_metadata: shorten(JSON.stringify(metadata), METADATA_MAX),
    title: plain(title, MODAL_TITLE_MAX),
    submit: plain(submit, MODAL_TITLE_MAX),
    close: plain('Back', MODAL_TITLE_MAX),
    blocks,
  };
}
