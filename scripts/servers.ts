/**
 * `npm test` begins here: finds the real servers that tests run on, installs the missing ones from Debian's packages where
 * it may, and else names what it left out and why. Tests that need them are skipped then; under `CI=true` this fails.
 */
import { ensureServers } from './servers/ensure.ts';
import { thisMachine } from './servers/debian.ts';

const leftOut = await ensureServers(thisMachine);
for (const { name, because } of leftOut) thisMachine.say(`left out ${name}: ${because}`);
if (leftOut.length > 0 && process.env['CI'] === 'true') {
  thisMachine.say('CI=true: every server must be there');
  process.exitCode = 1;
}
