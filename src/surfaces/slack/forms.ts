/** Reads what a person typed into a form back into the inputs of an offer. Pure. */
import { z } from 'zod';
import type { InputFieldView, OfferView } from '#engine/model/views.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { fieldBlockId, MOST_INPUTS } from './cards/modals.ts';

const answerSchema = z.object({
  value: z.string().max(5_000).nullish(),
  selected_option: z.object({ value: z.string().max(200) }).nullish(),
  selected_options: z.array(z.object({ value: z.string().max(200) })).max(100).nullish(),
});
/** `view.state.values`: block id → action id → answer. */
export const answersSchema = z.record(z.string().max(255), z.record(z.string().max(255), answerSchema));
export type Answers = z.infer<typeof answersSchema>;

export function textAnswer(answers: Answers, field: string): string {
  return answers[field]?.[field]?.value?.trim() ?? '';
}

/** Inputs by name; the operation turns texts into what the runbook declares. A field that was left empty is left out: its default holds. */
export function offerInputs(offer: OfferView, answers: Answers): JsonObject {
  const inputs: [string, Json][] = [];
  for (const [at, field] of offer.inputs.slice(0, MOST_INPUTS).entries()) {
    const id = fieldBlockId(at);
    const answer = answers[id]?.[id];
    const value = answer === undefined ? undefined : fieldValue(field, answer);
    if (value !== undefined) inputs.push([field.name, value]);
  }
  return Object.fromEntries(inputs);
}

function fieldValue(field: InputFieldView, answer: z.infer<typeof answerSchema>): Json | undefined {
  const picked = [...(answer.selected_options ?? []), ...(answer.selected_option == null ? [] : [answer.selected_option])].map((option) => Number(option.value));
  if (field.type === 'bool') return picked[0] === undefined ? undefined : picked[0] === 0;
  if (field.options !== null && field.options.length > 0) {
    const chosen = picked.map((at) => field.options?.[at]).filter((text) => text !== undefined);
    if (field.type === 'list') return chosen;
    return chosen[0];
  }
  const text = answer.value?.trim() ?? '';
  if (text === '') return undefined;
  return field.type === 'list' ? text.split('\n').map((line) => line.trim()).filter((line) => line !== '') : text;
}
