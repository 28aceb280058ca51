/** Slack's limits, written down a second time and independently of the code that keeps them (docs.slack.dev, Block Kit; bolt-js#2509). */

type Loose = Readonly<Record<string, unknown>>;

const DATE = /<!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|[0-9TZ:-]+>/g;
const MENTION = /<@[UW][A-Z0-9]+>/g;

/** Every limit that this message breaks, in words. */
export function brokenLimits(message: { readonly text: string; readonly blocks: readonly unknown[] }): readonly string[] {
  const broken: string[] = [];
  const want = (holds: boolean, what: string): void => void (holds || broken.push(what));
  want(message.blocks.length >= 1 && message.blocks.length <= 50, `${message.blocks.length} blocks`);
  want(JSON.stringify(message.blocks).length <= 13_000, 'the aggregate of the blocks');
  want(message.text.length <= 4_000 && !hasMarkup(message.text), `text: ${message.text}`);
  for (const block of message.blocks) checkBlock(block as Loose, want);
  return broken;
}

export function brokenModalLimits(modal: Loose): readonly string[] {
  const broken: string[] = [];
  const want = (holds: boolean, what: string): void => void (holds || broken.push(what));
  for (const field of ['title', 'submit', 'close']) checkText(modal[field] as Loose, 24, field, want);
  want(String(modal['private_metadata']).length <= 3_000, 'private_metadata');
  const blocks = modal['blocks'] as Loose[];
  want(blocks.length <= 100, 'blocks of the modal');
  for (const block of blocks) checkBlock(block, want);
  want(new Set(blocks.map((block) => block['block_id']).filter((id) => id !== undefined)).size === blocks.filter((block) => block['block_id'] !== undefined).length, 'block ids twice');
  return broken;
}

type Want = (holds: boolean, what: string) => void;

function checkBlock(block: Loose, want: Want): void {
  switch (block['type']) {
    case 'header':
      want((block['text'] as Loose)['type'] === 'plain_text', 'header type');
      return checkText(block['text'] as Loose, 150, 'header', want);
    case 'section':
      return checkText(block['text'] as Loose, 3_000, 'section', want);
    case 'context': {
      const elements = block['elements'] as Loose[];
      want(elements.length >= 1 && elements.length <= 10, 'context elements');
      return elements.forEach((element) => checkText(element, 3_000, 'context', want));
    }
    case 'actions': {
      const elements = block['elements'] as Loose[];
      want(elements.length >= 1 && elements.length <= 25, 'actions elements');
      want(new Set(elements.map((element) => element['action_id'])).size === elements.length, 'action ids twice in a block');
      return elements.forEach((element) => checkButton(element, want));
    }
    case 'input':
      checkText(block['label'] as Loose, 2_000, 'label', want);
      return checkInput(block['element'] as Loose, want);
    case 'divider':
      return;
    default:
      want(false, `block type ${String(block['type'])}`);
  }
}

function checkButton(button: Loose, want: Want): void {
  checkText(button['text'] as Loose, 75, 'button', want);
  want(String(button['action_id']).length <= 255, 'action id');
  if (button['value'] !== undefined) want(/^(apr_[0-9a-z]{26}\.[0-9a-f]{64}|run_[0-9a-z]{26}(\.[0-9a-f]{64})?|inc_[0-9a-z]{26})$/.test(String(button['value'])), `value ${String(button['value'])}`);
  if (button['url'] !== undefined) want(String(button['url']).length <= 3_000 && /^https?:\/\//.test(String(button['url'])), 'url');
  const confirm = button['confirm'] as Loose | undefined;
  if (confirm === undefined) return;
  checkText(confirm['title'] as Loose, 100, 'confirm title', want);
  checkText(confirm['text'] as Loose, 300, 'confirm text', want);
  checkText(confirm['confirm'] as Loose, 30, 'confirm yes', want);
  checkText(confirm['deny'] as Loose, 30, 'confirm no', want);
}

function checkInput(element: Loose, want: Want): void {
  want(String(element['action_id']).length <= 255, 'input action id');
  const options = element['options'] as Loose[] | undefined;
  if (options === undefined) return;
  want(options.length >= 1 && options.length <= 100, 'options');
  for (const option of options) {
    checkText(option['text'] as Loose, 75, 'option', want);
    want(String(option['value']).length <= 150, 'option value');
  }
}

function checkText(text: Loose, max: number, where: string, want: Want): void {
  const value = String(text['text']);
  want(value.length >= 1 && value.length <= max, `${where} has ${value.length} characters`);
  want(!hasUnseen(value), `${where} holds invisible characters: ${JSON.stringify(value)}`);
  if (text['type'] === 'plain_text') want(text['emoji'] === false && !value.includes('<'), `${where} is not inert: ${value}`);
  else want(text['type'] === 'mrkdwn' && text['verbatim'] === true && !hasMarkup(value), `${where} holds markup: ${value}`);
}

/** An unescaped `<` that is not one of the two forms that the bot writes itself, or a stray `&` or `>`. */
function hasMarkup(text: string): boolean {
  const rest = text.replace(DATE, '').replace(MENTION, '');
  return /[<>]/.test(rest) || /&(?!amp;|gt;|lt;)/.test(rest) || /@(?:channel|here|everyone)/i.test(rest);
}

function hasUnseen(text: string): boolean {
  return /[^\P{Cc}\n]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/u.test(text);
}
