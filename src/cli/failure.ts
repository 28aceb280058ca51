/** A command that could not be done, with a sentence for the person; exit code 1. */
export class CommandFailed extends Error {
  /** What --json prints. */
  readonly problem: object;

  constructor(message: string, problem: object = { code: 'failed', detail: message }) {
    super(message);
    this.problem = problem;
  }
}

/** What was asked cannot be; exit code 2. */
export class WrongUsage extends Error {}
