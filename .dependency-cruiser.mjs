// The rules are typed data in scripts/import-law; this file lets dependency-cruiser's own command and editors find them.
import { CRUISE_OPTIONS, RULES } from './scripts/import-law/rules.ts';

export default { forbidden: RULES, options: CRUISE_OPTIONS };
