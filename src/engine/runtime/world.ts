/** Everything that the runtime works with. Built once by `app`; nothing here is looked up from a global. */
import type { Clock } from '#kernel/clock.ts';
import type { Ids } from '#kernel/ids.ts';
import type { Json } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import type { Policy } from '#policy/model.ts';
import type { AnyStep } from '#step-kit/index.ts';
import type { AheadDesk, Artifacts, Journal, Runbooks, Systems } from '../ports.ts';
import type { Claims } from './claims.ts';
import type { KillSwitch } from './kill-switch.ts';
import type { Ledger } from './ledger.ts';
import type { Revisions } from './revisions.ts';

export interface World {
  readonly journal: Journal;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly runbooks: Runbooks;
  /** The catalogue, by step name. */
  readonly steps: ReadonlyMap<string, AnyStep>;
  readonly systems: Systems;
  policy(): Policy;
  /** Roles that configured credentials carry: a role may have its members only there. */
  readonly credentialRoles: ReadonlySet<string>;
  /** Takes secrets out of what a target answered, before it is stored or shown. */
  redact(value: Json): Json;
  readonly killSwitch: KillSwitch;
  readonly claims: Claims;
  readonly ledger: Ledger;
  readonly revisions: Revisions;
  readonly ahead: AheadDesk;
}
