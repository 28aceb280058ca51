/** From what a step answered to what its event holds: small enough, and the whole of it kept beside the journal. */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { cutOutput, OUTPUT_CHARS_MAX } from '../model/cut.ts';
import type { ArtifactRecord } from '../model/events.ts';
import type { Work } from './work.ts';

/** Of a whole output. What is larger is cut all the same, and only the cut part is kept. */
export const ARTIFACT_CHARS_MAX = 32 * 1024 * 1024;

export interface Kept {
  readonly output: JsonObject;
  readonly artifact?: ArtifactRecord;
}

/** The output has passed redaction: neither the event nor the artifact may hold a secret. */
export async function keep(work: Work, name: string, output: JsonObject, forEach: boolean): Promise<Result<Kept>> {
  const cut = cutOutput(output, forEach);
  if (cut === undefined) return fail('tooLarge', `${name} answered more than ${OUTPUT_CHARS_MAX} characters, and it could not be cut to fit: ask for less`);
  if (cut.note === '') return succeed({ output });
  const whole = JSON.stringify(output);
  const bytes = new TextEncoder().encode(whole).length;
  const lost = (why: string): Result<Kept> => succeed({ output: cut.output, artifact: { id: null, bytes, note: `${cut.note}; the whole answer could not be kept: ${why}` } });
  if (whole.length > ARTIFACT_CHARS_MAX) return lost(`it is over ${ARTIFACT_CHARS_MAX} characters`);
  try {
    return succeed({ output: cut.output, artifact: { id: await work.world.artifacts.keep(whole), bytes, note: cut.note } });
  } catch (error) {
    // The diagnosis goes on with what it has; the whole answer is for people who want to read on.
    work.world.log.error({ run: work.actor.id, step: name, error }, 'an artifact could not be stored');
    return lost('it could not be stored, the log says why');
  }
}
