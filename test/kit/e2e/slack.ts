/** People who press the buttons of the card that Slack holds, by requests signed as Slack signs them. */
import { click, form, signed, type SignedRequest } from '../slack/requests.ts';
import { buttonValue } from '../slack/surface.ts';
import { waitFor } from '../servers/process.ts';
import type { SlackMessage, Workspace } from '../slack/workspace.ts';

/** A click on what the card shows now, signed now. Every click has a trigger of its own, as in Slack. */
export function press(workspace: Workspace, who: string, card: SlackMessage, actionId: string): SignedRequest {
  const value = buttonValue(card, actionId);
  if (value === undefined) throw new Error(`the card has no button ${actionId}`);
  const userId = workspace.users[who] ?? '';
  const payload = click({ userId, teamId: workspace.teamId, channel: workspace.channel, messageTs: card.ts, actionId, value, triggerId: crypto.randomUUID(), responseUrl: workspace.responseUrl });
  return signed(form(payload), Date.now());
}

/** Resolves with the status of the acknowledgement. */
export async function deliver(botUrl: string, request: SignedRequest): Promise<number> {
  const response = await fetch(`${botUrl}${request.url}`, { method: request.method, headers: request.headers, body: request.payload, signal: AbortSignal.timeout(10_000) });
  await response.body?.cancel();
  return response.status;
}

/** The one card, once it says all of this. */
export async function cardSaying(workspace: Workspace, texts: readonly string[], withinMs = 60_000): Promise<SlackMessage> {
  let said = 'nothing, there is no card';
  try {
    return await waitFor(
      async () => {
        const [card] = await workspace.cards();
        if (card === undefined) return undefined;
        said = JSON.stringify(card, undefined, 1);
        return texts.every((text) => said.includes(text)) ? card : undefined;
      },
      { until: `the card says ${texts.join(' and ')}`, withinMs, everyMs: 250 },
    );
  } catch (error) {
    throw new Error(`the card does not say ${texts.filter((text) => !said.includes(text)).join(' or ')}, but: ${said}`, { cause: error });
  }
}

/** How many cards were ever posted; a card that is updated in place is one. */
export function cardsPosted(workspace: Workspace): number {
  return workspace.callsOf('chat.postMessage').filter((call) => call.args['thread_ts'] === undefined).length;
}
