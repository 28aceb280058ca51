/** Calls to the API. A session cookie opens it on this machine; elsewhere an API key does, kept for this tab only. */
const KEY = 'runbook-bot-api-key';

export class Problem extends Error {
  constructor(document, status) {
    super(document.detail ?? document.title ?? `The bot answered ${status}.`);
    this.code = document.code;
    this.status = status;
  }
}

function headers(more) {
  const key = sessionStorage.getItem(KEY);
  return { 'x-runbook-bot': 'console', ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...more };
}

export function rememberKey(key) {
  sessionStorage.setItem(KEY, key);
}

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body, response.status);
  return body;
}

export async function get(path) {
  return read(await fetch(`/api/v1${path}`, { headers: headers({}) }));
}

export async function send(method, path, body, more) {
  return read(await fetch(`/api/v1${path}`, { method: String(method), headers: headers({ 'content-type': 'application/json', ...more }), body: JSON.stringify(body) }));
}

/** Follows a run's events until the signal aborts; comes back after a break where it stopped. */
export async function follow(runId, onEvent, signal) {
  let after = 0;
  while (!signal.aborted) {
    try {
      const response = await fetch(`/api/v1/runs/${runId}/events?after=${after}`, { headers: headers({ accept: 'text/event-stream' }), signal });
      if (!response.ok || response.body === null) return;
      let text = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const data = text.slice(0, end).split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim()).join('\n');
          text = text.slice(end + 2);
          if (data === '') continue;
          const entry = JSON.parse(data);
          after = entry.version;
          onEvent(entry);
        }
      }
      if (!signal.aborted && (await get(`/runs/${runId}`)).endedAt !== null) return;
    } catch {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
