/** `npm run check` ends here: prints every violation of the import law with its reason, and exits 1 when there is one. */
import { checkImports, formatViolation } from './import-law/check.ts';

const verdict = await checkImports(process.cwd());
for (const violation of verdict.violations) console.error(formatViolation(violation));
for (const file of verdict.unseen) console.error(`${file}\n    the import law does not see this file`);
const faults = verdict.violations.length + verdict.unseen.length;
console.log(`import law: ${verdict.modules.length} files, ${faults} ${faults === 1 ? 'fault' : 'faults'}`);
process.exitCode = faults === 0 ? 0 : 1;
