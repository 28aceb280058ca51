import { describe, expect, it } from 'vitest';
import { timeOfStamp, type Store } from '#backups/names.ts';
import type { BackupSet, Inventory } from '#backups/inventory.ts';
import { chooseTogether } from '#drills/choose-together.ts';
import type { Choice } from '#drills/choose.ts';

const NOW = Date.parse('2026-11-21T12:30:00Z');
const at = (time: string): string => `20261121T${time}00Z`;

function set(store: Store, time: string): BackupSet {
  return { store, stamp: at(time), namedMs: timeOfStamp(at(time)) ?? 0, files: [], bytes: 0, manifest: 'none' };
}

/** The newest first, as an inventory has them. */
const INVENTORY: Inventory = {
  directory: '/b',
  strangers: [],
  sets: [set('redis', '1200'), set('redis', '1100'), set('redis', '1000'), set('nats', '1205'), set('nats', '1055'), set('nats', '0930'), set('config', '0600')],
};

const chosen = (choice: Choice, inventory = INVENTORY): string => [...chooseTogether(inventory, ['redis', 'nats', 'config'], choice, NOW).values()].map(({ store, stamp }) => `${store} ${stamp.slice(9, 13)}`).join(', ');

describe('backups that are restored together', () => {
  it('are the newest of each store, as a restore would take them', () => {
    expect(chosen({ kind: 'latest' })).toBe('redis 1200, nats 1205, config 0600');
  });

  it('are one that is named or drawn, with the nearest of the other stores', () => {
    expect(chosen({ kind: 'named', stamp: at('1100') })).toBe('redis 1100, nats 1055, config 0600');
    expect(chosen({ kind: 'named', stamp: at('0930') })).toBe('redis 1000, nats 0930, config 0600');
    expect(chosen({ kind: 'named', stamp: at('0100') })).toBe('');
    for (const seed of ['a', 'b', 'c', 'd', 'e']) expect(['redis 1200, nats 1205, config 0600', 'redis 1100, nats 1055, config 0600', 'redis 1000, nats 0930, config 0600']).toContain(chosen({ kind: 'random', windowMs: 86_400_000, seed }));
  });

  it('are fewer where a store has none', () => {
    const alone = { ...INVENTORY, sets: INVENTORY.sets.filter(({ store }) => store === 'nats') };
    expect(chosen({ kind: 'latest' }, alone)).toBe('nats 1205');
    expect(chosen({ kind: 'random', windowMs: 86_400_000, seed: 's' }, alone)).toMatch(/^nats \d{4}$/);
  });
});
