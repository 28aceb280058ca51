/** The calls on what topics are bound to: their schemas and packs. */
import { z } from 'zod';
import type { Result } from '#kernel/failure.ts';
import { type Calls, queryOf, type ReadCall } from './calls.ts';
import { named, rows, type Rows } from './fields.ts';
import { flag, text, whole } from './schema.ts';

/** Cordum caps the page at so many and says nothing of more (Cordum's source, helpers.go, maxListLimit). */
export const MOST_SCHEMAS = 500;

export interface BoundTopic {
  readonly name: string;
  readonly pool: string;
  readonly status: string;
  /** Empty: its jobs are not checked, whatever SCHEMA_ENFORCEMENT says. */
  readonly inputSchemaId: string;
  readonly outputSchemaId: string;
  readonly packId: string;
  readonly activeWorkerCount: number;
}

export interface TopicCalls {
  boundTopics(call?: ReadCall): Promise<Result<Rows<BoundTopic> & { readonly registryEmpty: boolean }>>;
  /** The ids of the registered schemas, the newest first. */
  schemas(call?: ReadCall): Promise<Result<readonly { readonly name: string }[]>>;
}

export function topicsOf({ read }: Calls): TopicCalls {
  return {
    boundTopics: (call) => read('list topics with their schemas', '/api/v1/topics', boundTopicsAnswer, call),
    schemas: (call) => read('list schemas', `/api/v1/schemas${queryOf({ limit: MOST_SCHEMAS })}`, schemasAnswer, call),
  };
}

/** Recorded without schemas (topics_list); the names of the two ids are from Cordum's source, handlers_topics.go. */
const boundTopicItem = z
  .object({ name: z.string().min(1), pool: text, status: text, input_schema_id: text, output_schema_id: text, pack_id: text, active_worker_count: whole })
  .transform((raw): BoundTopic => ({ name: raw.name, pool: raw.pool, status: raw.status, inputSchemaId: raw.input_schema_id, outputSchemaId: raw.output_schema_id, packId: raw.pack_id, activeWorkerCount: raw.active_worker_count }));
const boundTopicsAnswer = z.object({ items: rows(boundTopicItem), registry_empty: flag }).transform((raw) => ({ ...raw.items, registryEmpty: raw.registry_empty }));
const schemasAnswer = z.object({ schemas: named(MOST_SCHEMAS) }).transform((raw) => raw.schemas);
