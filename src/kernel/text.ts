/** At most `length` UTF-16 units, never ending in half of a character; says with an ellipsis that it was longer. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const lastUnit = text.charCodeAt(length - 2);
  const end = lastUnit >= 0xd800 && lastUnit <= 0xdbff ? length - 2 : length - 1;
  return `${text.slice(0, end)}…`;
}

/** Names from outside do not steer a terminal: control and direction characters become a replacement character. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\u{fffd}');
}
