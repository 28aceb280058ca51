/**
 * Outside text (labels, annotations, reasons, job ids) on its way to Slack. Whatever it holds, it stays words: no mention, no
 * link, no emoji, no invisible or direction-changing character, and no longer than its place allows.
 */

export interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: false;
}

export interface Mrkdwn {
  readonly type: 'mrkdwn';
  readonly text: string;
  /** Slack then makes no links or mentions of its own out of `http://…`, `#channel` and `@here`. */
  readonly verbatim: true;
}

/** Control, format (bidi, zero width, tags), private and unassigned characters, line and paragraph separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const UNSEEN_BUT_LINES = /[^\P{Cc}\n]|[\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const BLANK = '–';
const CUT = '…';
/** Keeps the letters on both sides apart for Slack's parser, and is not seen. */
const WORD_JOINER = '\u2060';
const MARKS = new Set('@:*_~`');
/** A 64 KB label is cut to this many times its place before the slow work begins; what is not seen is dropped after that. */
const READ_FACTOR = 3;

/** One line of visible characters. `<` becomes `‹`: nothing that Slack could read as the start of a mention or link is left. */
export function inert(text: string, max: number): string {
  const visible = shorten(text, max * READ_FACTOR).toWellFormed().replace(UNSEEN, ' ').replaceAll('<', '‹').replace(/\s+/gu, ' ').trim();
  return shorten(visible === '' ? BLANK : visible, max);
}

/** The same, keeping the line breaks. */
export function inertLines(text: string, max: number): string {
  const visible = shorten(text, max * READ_FACTOR).toWellFormed().replace(UNSEEN_BUT_LINES, ' ').replaceAll('<', '‹').trim();
  return shorten(visible === '' ? BLANK : visible, max);
}

export function plain(text: string, max: number): PlainText {
  return { type: 'plain_text', text: inertLines(text, max), emoji: false };
}

/** Only for text of our own; a value from outside goes through `escaped` first. */
export function mrkdwn(text: string): Mrkdwn {
  return { type: 'mrkdwn', text, verbatim: true };
}

/**
 * Outside text inside mrkdwn and in a message's `text`, where emphasis, emoji and mentions would be parsed. The characters that Slack
 * reserves are escaped as its formatting guide says (docs.slack.dev, "Escaping text"). `max` holds for what comes out.
 */
export function escaped(text: string, max: number): string {
  let out = '';
  for (const char of inert(text, max)) {
    const safe = char === '&' ? '&amp;' : char === '>' ? '&gt;' : MARKS.has(char) ? `${char}${WORD_JOINER}` : char;
    if (out.length + safe.length > max - CUT.length) return `${out}${CUT}`;
    out += safe;
  }
  return out;
}

/** A person of Slack as a mention, anybody else as inert text. */
export function person(principal: string): string {
  const user = /^slack:([UW][A-Z0-9]{2,20})$/.exec(principal)?.[1];
  return user === undefined ? escaped(principal, 80) : `<@${user}>`;
}

/** A time in the reader's own zone. `iso` comes from the engine; what is no time is shown as it stands. */
export function moment(iso: string): string {
  const ms = Date.parse(iso);
  if (!Number.isFinite(ms) || ms < 0) return escaped(iso, 40);
  return `<!date^${Math.floor(ms / 1_000)}^{date_short_pretty} {time_secs}|${new Date(ms).toISOString().slice(0, 19)}Z>`;
}

/** Cuts at a character, never inside a surrogate pair. `max` counts UTF-16 units, which is never less than what Slack counts. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - CUT.length);
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}${CUT}`;
}
