/** Whether the sandbox could be the live system. Compared are the ids that servers give themselves, and the addresses. */
import { failed, passed, type Check } from './check.ts';
import type { LiveFacts } from './context.ts';

export function checkIsolation(store: string, sandbox: { readonly ids: readonly string[]; readonly addresses: readonly string[] }, live: LiveFacts | undefined): Check {
  const name = `${store}.sandbox.isolated`;
  if (live === undefined) return passed(name, `The sandbox listens on ${sandbox.addresses.join(', ')} only; no live system was given, and none was asked.`);
  const same = [...sandbox.ids.filter((id) => live.identity.includes(id)), ...sandbox.addresses.filter((address) => live.addresses.includes(address))];
  if (same.length > 0) return failed(name, `The sandbox could be the live system: both have ${same.join(', ')}. Nothing more was done.`);
  return passed(name, `Other ids (${sandbox.ids.join(', ')}) and other addresses (${sandbox.addresses.join(', ')}) than the ${live.addresses.length} live address(es), of which ${live.connections?.opened ?? 0} connection(s) were opened and closed before the sandbox started.`);
}
