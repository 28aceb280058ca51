/**
 * One writer per item. A claim is an apply that has begun (`ApprovalRedeemed`) and not ended (`Verified`), so it lives in the
 * journal; this is its projection in memory, rebuilt when runs are recovered.
 */
export interface Claims {
  /** Takes all of them or none. Returns the run that holds one of them already, if any. */
  take(target: string, items: readonly string[], owner: { readonly run: string; readonly approval: string }): string | undefined;
  release(approval: string): void;
}

export function createClaims(): Claims {
  const holders = new Map<string, { readonly run: string; readonly approval: string }>();
  const held = new Map<string, readonly string[]>();
  return {
    take(target, items, owner) {
      const keys = items.map((item) => `${target}\n${item}`);
      for (const key of keys) {
        const holder = holders.get(key);
        if (holder !== undefined && holder.approval !== owner.approval) return holder.run;
      }
      for (const key of keys) holders.set(key, owner);
      held.set(owner.approval, keys);
      return undefined;
    },
    release(approval) {
      for (const key of held.get(approval) ?? []) if (holders.get(key)?.approval === approval) holders.delete(key);
      held.delete(approval);
    },
  };
}
