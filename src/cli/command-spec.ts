/** The shape of the table of commands. */

export interface OptionSpec {
  /** What stands after it in help (`R`, `k=v`); absent for a switch. */
  readonly value?: string;
  readonly help: string;
  readonly required?: boolean;
  readonly many?: boolean;
}

export interface WordSpec {
  readonly name: string;
  readonly optional?: boolean;
  /** It must be one of these. */
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  /** One word, or two (`drill run`). */
  readonly name: string;
  readonly words: readonly WordSpec[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly summary: string;
  readonly examples: readonly string[];
  /** `remote` speaks to a running bot over HTTP; `local` works by the configuration alone; `alone` needs neither. */
  readonly runs: 'remote' | 'local' | 'alone';
}
