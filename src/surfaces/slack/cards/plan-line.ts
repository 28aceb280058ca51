/** One item of a plan as a line: what it is, how it stands, how it would stand. */
import type { Json } from '#kernel/json.ts';
import { inert } from './text.ts';

/** Of the line's place: the title takes at most half, the two values share the rest. */
const TITLE_SHARE = 0.5;
const VALUE_SHARE = 0.24;

export function planLine(item: { readonly title: string; readonly current: Json; readonly next: Json }, max: number): string {
  const title = inert(item.title, Math.floor(max * TITLE_SHARE));
  const most = Math.floor(max * VALUE_SHARE);
  return `${title}: ${inert(valueText(item.current, item.title), most)} → ${inert(valueText(item.next, item.title), most)}`;
}

/** Members of an object that the title has already said are not said again. */
function valueText(value: Json, title: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return textOf(value);
  const members = Object.entries(value);
  const only = members.length === 1 ? members[0] : undefined;
  if (only !== undefined) return textOf(only[1]);
  const unsaid = members.map(([name, member]) => [name, textOf(member)] as const).filter(([, text]) => text === '' || !title.includes(text));
  return (unsaid.length === 0 ? members.map(([name, member]) => [name, textOf(member)] as const) : unsaid).map(([name, text]) => `${name} ${text === '' ? '–' : text}`).join(', ');
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
