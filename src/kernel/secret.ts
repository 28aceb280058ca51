import { inspect } from 'node:util';

const HIDDEN = '[secret]';

/** A value that does not print: not in logs, not in JSON, not in an error. Only `reveal()` gives it away, on purpose. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
