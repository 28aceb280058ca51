/** The pools that Cordum's configuration declares, with the topics that they serve (recording config_get_system_default). */
import { z } from 'zod';
import type { DeclaredPool, DeclaredPools } from './admin-records.ts';
import { instant, named, said } from './fields.ts';
import { text, whole } from './schema.ts';

const declared = z.object({ status: text, description: said, requires: named(50), drain_started_at: instant, drain_timeout_seconds: whole });

export function declaredPools(data: unknown): DeclaredPools {
  const pools = new Map<string, DeclaredPool>();
  for (const [name, raw] of entriesAt(data, 'pools')) {
    const read = declared.safeParse(raw ?? {});
    if (!read.success) continue;
    const { status, description, requires, drain_started_at: drainStartedAt, drain_timeout_seconds: drainTimeoutSeconds } = read.data;
    pools.set(name, { name, status: status || 'active', description, requires, drainStartedAt, drainTimeoutSeconds });
  }
  const topics = new Map<string, readonly string[]>();
  // One pool is written as a text, several as a list.
  for (const [topic, raw] of entriesAt(data, 'topics')) topics.set(topic, typeof raw === 'string' ? [raw] : Array.isArray(raw) ? raw.filter((one) => typeof one === 'string') : []);
  return { pools, topics };
}

function entriesAt(data: unknown, name: 'pools' | 'topics'): [string, unknown][] {
  const read = z.object({ pools: z.object({ [name]: z.record(z.string(), z.unknown()) }) }).safeParse(data);
  return read.success ? Object.entries(read.data.pools[name] ?? {}) : [];
}
