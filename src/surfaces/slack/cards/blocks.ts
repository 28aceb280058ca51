/** The few Block Kit shapes that the bot uses, with Slack's limits kept by construction (reference: docs.slack.dev, "Block Kit"). */
import { plain, type Mrkdwn, type PlainText } from './text.ts';

export interface Confirm {
  readonly title: PlainText;
  readonly text: PlainText;
  readonly confirm: PlainText;
  readonly deny: PlainText;
  readonly style?: 'primary' | 'danger';
}

export interface Button {
  readonly type: 'button';
  readonly action_id: string;
  readonly text: PlainText;
  readonly value?: string;
  readonly url?: string;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: Confirm;
}

export interface Option {
  readonly text: PlainText;
  readonly value: string;
}

export type InputElement =
  | { readonly type: 'plain_text_input'; readonly action_id: string; readonly multiline?: boolean; readonly max_length: number; readonly initial_value?: string; readonly placeholder?: PlainText }
  | { readonly type: 'number_input'; readonly action_id: string; readonly is_decimal_allowed: boolean; readonly initial_value?: string }
  | { readonly type: 'static_select'; readonly action_id: string; readonly options: readonly Option[]; readonly initial_option?: Option }
  | { readonly type: 'multi_static_select'; readonly action_id: string; readonly options: readonly Option[]; readonly initial_options?: readonly Option[] };

export type Block =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'divider' }
  | { readonly type: 'section'; readonly text: PlainText | Mrkdwn }
  | { readonly type: 'context'; readonly elements: readonly (PlainText | Mrkdwn)[] }
  | { readonly type: 'actions'; readonly block_id?: string; readonly elements: readonly Button[] }
  | { readonly type: 'input'; readonly block_id: string; readonly label: PlainText; readonly optional: boolean; readonly element: InputElement };

export interface Modal {
  readonly type: 'modal';
  readonly callback_id: string;
  readonly private_metadata: string;
  readonly title: PlainText;
  readonly submit: PlainText;
  readonly close: PlainText;
  readonly blocks: readonly Block[];
}

export const SECTION_MAX = 3_000;
const HEADER_MAX = 150;
const BUTTON_MAX = 75;
export const VALUE_MAX = 2_000;
export const MODAL_TITLE_MAX = 24;
export const LABEL_MAX = 2_000;
export const OPTION_MAX = 75;
export const OPTIONS_MAX = 100;
export const METADATA_MAX = 3_000;
/** One under Slack's 50, for the line that says that there is more. */
const BLOCKS_MAX = 49;
/**
 * Slack refuses a message of about 13,200 characters with `msg_blocks_too_long`, which no page documents (slackapi/bolt-js#2509). The bytes of
 * the JSON are never fewer than its characters, so this keeps clear of it whatever Slack counts.
 */
const BUDGET_BYTES = 10_000;
const MORE_BYTES = 300;

export function header(text: string): Block {
  return { type: 'header', text: plain(text, HEADER_MAX) };
}

export function section(text: PlainText | Mrkdwn): Block {
  return { type: 'section', text };
}

export function context(...elements: readonly (PlainText | Mrkdwn)[]): Block {
  return { type: 'context', elements: elements.slice(0, 10) };
}

export function button(actionId: string, label: string, rest: Omit<Button, 'type' | 'action_id' | 'text'> = {}): Button {
  return { type: 'button', action_id: actionId, text: plain(label, BUTTON_MAX), ...rest };
}

export function confirmation(title: string, text: string, yes: string, style?: 'primary' | 'danger'): Confirm {
  const base = { title: plain(title, 100), text: plain(text, 300), confirm: plain(yes, 30), deny: plain('Back', 30) };
  return style === undefined ? base : { ...base, style };
}

/** Blocks that stand or fall together. A lower `rank` is kept before a higher one; the order on the card is the order of the list. */
export interface Part {
  readonly rank: number;
  readonly blocks: readonly Block[];
  /** It says nothing without this one, which has the same rank or a lower one. */
  readonly needs?: Part;
}

/** Takes as many parts as fit into one message, the important ones first, and says when something was left out. */
export function fit(parts: readonly Part[], leftOut: Block): readonly Block[] {
  const byRank = parts.map((part, at) => ({ part, at })).toSorted((a, b) => a.part.rank - b.part.rank || a.at - b.at);
  const kept = new Set<Part>();
  let blocks = 0;
  let bytes = MORE_BYTES;
  for (const { part } of byRank) {
    if (part.needs !== undefined && !kept.has(part.needs)) continue;
    const size = Buffer.byteLength(JSON.stringify(part.blocks)) + part.blocks.length;
    if (blocks + part.blocks.length > BLOCKS_MAX || bytes + size > BUDGET_BYTES) continue;
    kept.add(part);
    blocks += part.blocks.length;
    bytes += size;
  }
  const out = parts.filter((part) => kept.has(part)).flatMap((part) => part.blocks);
  return kept.size === parts.length ? out : [...out, leftOut];
}
