/** Steps of evaluation that one template may take: about a tenth of a second. Filtering 10,000 entries takes some 100,000. */
const MAX_WORK = 1_000_000;
/** So many characters of a string, or elements of a list, cost as much as one step. */
const CHARS_PER_STEP = 16;
const ELEMENTS_PER_STEP = 2;

/** The data does not say: a step has failed, a field is null, a key is not there. A condition may still be decided without it. */
export class CannotTell extends Error {}

/** The expression costs more than its budget. It ends the evaluation, whatever else is known. */
export class OverBudget extends Error {}

export class Budget {
  #left: number;

  constructor(work: number = MAX_WORK) {
    this.#left = work;
  }

  spend(work: number): void {
    this.#left -= work;
    if (this.#left < 0) throw new OverBudget('the expression costs too much: it goes over lists inside lists that are too long together');
  }

  /** Strings and lists that are made or scanned cost by their length. */
  spendOn(value: unknown): void {
    if (typeof value === 'string') this.spend(Math.ceil(value.length / CHARS_PER_STEP));
    else if (Array.isArray(value)) this.spend(Math.ceil(value.length / ELEMENTS_PER_STEP));
  }
}
