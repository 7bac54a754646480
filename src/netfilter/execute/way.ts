/**
 * Where a walk goes on behind a rule whose tests have all passed, for walks without hurry. `Walker.walk`, which every packet takes, says the same
 * in its own loop.
 */
import { Action, RULE_COUNTER, RULE_SIZE } from './program.ts';

/** The walk ends here, or a target decides. */
export const NOWHERE = -1;

/**
 * @param at where the rule's action stands
 * @param stack rules that called the chains that are under way; changed by a jump and by a return
 * @param policy where the policy of the chain stands that the walk began with
 * @returns the next rule, or NOWHERE
 */
export function nextRule(op: number, code: Int32Array, rule: number, at: number, stack: number[], policy: number): number {
  switch (op) {
    case Action.Continue:
      return rule + code[rule + RULE_SIZE]!;
    case Action.Return:
    case Action.End: {
      const caller = stack.pop();
      return caller === undefined ? policy : caller + code[caller + RULE_SIZE]!;
    }
    case Action.Jump:
      stack.push(rule);
      return code[at + 1]!;
    case Action.Goto:
      return code[at + 1]!;
    case Action.Moved:
      return code[rule + RULE_COUNTER]!;
    default:
      return NOWHERE;
  }
}
