/** Commands that build the bot, or parts of it, in this process. `app` implements them: only it may construct. */

export interface LocalOptions {
  /** `--config`. Undefined: RUNBOOK_BOT_CONFIG, ./runbook-bot.yaml, the embedded defaults. */
  readonly config: string | undefined;
  readonly json: boolean;
  /** Answers: stdout. Ends the line. */
  readonly out: (text: string) => void;
  /** Everything else: stderr. Ends the line. */
  readonly note: (text: string) => void;
}

/** What stood on the command line, by the names of the table of commands. */
export interface Given {
  /** Optional words may be absent. */
  readonly words: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly switches: ReadonlySet<string>;
}

/** 0 done, 1 failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;

export interface LocalCommands {
  /** Resolves when the bot has stopped. */
  start(options: LocalOptions): Promise<ExitCode>;
  lint(path: string | undefined, options: LocalOptions): Promise<ExitCode>;
  /** Runs the cases of runbooks. */
  test(path: string | undefined, options: LocalOptions): Promise<ExitCode>;
  auditVerify(options: LocalOptions): Promise<ExitCode>;
  doctor(options: LocalOptions): Promise<ExitCode>;
  reference(options: LocalOptions): Promise<ExitCode>;
  demo(options: DemoOptions): Promise<ExitCode>;
  /** Takes a backup of a store into a directory. */
  backupTake(given: Given, options: LocalOptions): Promise<ExitCode>;
  /** Says which backups a directory holds. */
  backupList(given: Given, options: LocalOptions): Promise<ExitCode>;
  /** Checks the files of backups without restoring them. */
  backupVerify(given: Given, options: LocalOptions): Promise<ExitCode>;
  /** Restores a backup into a sandbox and says what it is worth. */
  drillRun(given: Given, options: LocalOptions): Promise<ExitCode>;
  /** Checks a bundle of evidence, and those before it. */
  drillVerify(given: Given, options: LocalOptions): Promise<ExitCode>;
  /** Removes what killed drills have left. */
  drillReap(given: Given, options: LocalOptions): Promise<ExitCode>;
}

export interface DemoOptions extends LocalOptions {
  /** Play the human too. */
  readonly yes: boolean;
}
