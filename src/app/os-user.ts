import { userInfo } from 'node:os';

/** The user that the bot runs as. A container may run under a number that no name belongs to; that must not keep it from starting. */
export function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
