/** Says something to one person only, where they clicked. */
import type { Log } from '#kernel/log.ts';
import type { SlackApi } from './api.ts';
import { section, type Block } from './cards/blocks.ts';
import { escaped, plain, shorten } from './cards/text.ts';

export interface Whereto {
  readonly userId: string;
  readonly channel: string | null;
  readonly responseUrl: string | null;
}

export interface Replies {
  /** Never rejects: a lost ephemeral message is a pity, not a failure. `text` may hold outside text, `more` is shown below it. */
  tell(to: Whereto, text: string, more?: readonly Block[]): Promise<void>;
}

export interface RepliesOptions {
  readonly api: SlackApi;
  /** Where Slack is, as configured: its host may be answered as well. */
  readonly apiUrl?: string;
  readonly log: Log;
}

const REPLY_TIMEOUT_MS = 5_000;
const TEXT_MAX = 8_000;
const SECTION_CHARS = 2_800;
const SLACK_HOOKS = /^hooks\.slack(?:-gov)?\.com$/;

export function createReplies({ api, apiUrl, log }: RepliesOptions): Replies {
  const ownHost = apiUrl === undefined ? undefined : new URL(apiUrl).host;

  const byUrl = async (url: string, text: string, blocks: readonly Block[]): Promise<boolean> => {
    if (!isAnswerable(url, ownHost)) return false;
    try {
      const body = JSON.stringify({ response_type: 'ephemeral', replace_original: false, text, blocks });
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, redirect: 'error', signal: AbortSignal.timeout(REPLY_TIMEOUT_MS) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  };

  return {
    async tell(to, words, more = []) {
      const text = escaped(words, 300);
      const blocks = [...sections(words), ...more];
      if (to.responseUrl !== null && (await byUrl(to.responseUrl, text, blocks))) return;
      if (to.channel === null) return log.warn({ user: to.userId }, 'a reply has nowhere to go in Slack: the request names no channel');
      const answer = await api.call('chat.postEphemeral', { channel: to.channel, user: to.userId, text, blocks });
      if (!answer.ok) log.warn({ user: to.userId, because: answer.failure.message }, 'a reply did not reach its reader in Slack');
    },
  };
}

/** A response URL comes from Slack's signed request; all the same nothing of ours is posted anywhere else. */
function isAnswerable(text: string, ownHost: string | undefined): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'https:' && SLACK_HOOKS.test(url.host)) || url.host === ownHost;
}

function sections(words: string): readonly Block[] {
  const blocks: Block[] = [];
  let rest = shorten(words, TEXT_MAX);
  while (rest !== '') {
    const lineEnd = rest.length <= SECTION_CHARS ? rest.length : rest.lastIndexOf('\n', SECTION_CHARS);
    const cut = lineEnd > 0 ? lineEnd : SECTION_CHARS;
    blocks.push(section(plain(rest.slice(0, cut), SECTION_CHARS + 100)));
    rest = rest.slice(cut);
  }
  return blocks;
}
