/** Looking up names so that only admitted addresses come back: what is checked is what is connected to, without a second look-up between. */
import { lookup as lookUp, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { AllowList, Place } from './allow-list.ts';

const REFUSED = 'ERR_ADDRESS_NOT_ADMITTED';

export class AddressRefused extends Error {
  readonly code = REFUSED;
}

/** One bad address among several refuses the name: whoever points it there may do it again. */
export function guardedLookup(allowList: AllowList, place: Place): LookupFunction {
  return (hostname, options: LookupOptions, answer) => {
    lookUp(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return answer(error, '', 0);
      const [first] = addresses;
      if (first === undefined || addresses.some(({ address }) => !allowList.admits(place, address))) return answer(new AddressRefused('address not admitted'), '', 0);
      if (options.all === true) answer(null, addresses);
      else answer(null, first.address, first.family);
    });
  };
}

/** Undici and Node wrap errors of a connection. */
export function isAddressRefused(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 3) return false;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  return code === REFUSED || isAddressRefused(cause, depth + 1) || (Array.isArray(errors) && errors.some((one) => isAddressRefused(one, depth + 1)));
}
