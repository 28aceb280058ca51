/** One thing that the exporter looks at, on one target. Ports come in as arguments: no source knows whose client it calls. */
import type { Failure } from '#kernel/failure.ts';
import type { Sample, SourceName } from './series.ts';

/** What every port takes. */
export interface Call {
  readonly signal: AbortSignal;
}

/** With a failure, the samples are the part that was seen all the same; whatever is missing keeps its last value. */
export interface Look {
  readonly samples: readonly Sample[];
  readonly failure?: Failure;
}

export interface Source {
  readonly target: string;
  readonly name: SourceName;
  /** From the beginning of one look to that of the next, ms. */
  readonly everyMs: number;
  look(call: Call): Promise<Look>;
}
