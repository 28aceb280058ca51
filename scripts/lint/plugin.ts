/**
 * Lint rules of our own, for what oxlint cannot say with a list of names. Loaded by .oxlintrc.json as `house/…`.
 * The types are the small part of ESLint's plugin interface that is used here.
 */
interface Node {
  readonly type: string;
  readonly callee?: { readonly type: string; readonly name?: string };
  readonly arguments?: readonly unknown[];
}

interface Context {
  report(problem: { node: Node; message: string }): void;
}

const ASKS_THE_MACHINE = 'This asks the machine what time it is. Take a Clock (kernel/clock.ts) and use clock.now(), so that tests run in virtual time.';

/** `new Date(ms)` formats a time; `new Date()` and `Date()` read the machine's clock. */
const noCurrentDate = {
  create(context: Context) {
    const check = (node: Node): void => {
      if (node.callee?.type !== 'Identifier' || node.callee.name !== 'Date') return;
      if (node.type === 'NewExpression' && (node.arguments?.length ?? 0) > 0) return;
      context.report({ node, message: ASKS_THE_MACHINE });
    };
    return { NewExpression: check, CallExpression: check };
  },
};

// oxlint takes a plugin from the default export; nothing of ours imports this file.
export default { meta: { name: 'house' }, rules: { 'no-current-date': noCurrentDate } };
