/** What a match or a target remembers from packet to packet, as the program describes it and as the node's thread keeps it. */

/** `name`: states with a name are shared by all rules that give it, and live on while any rule does. `counter` is the rule's own, `from` the one that it had in the program before. */
export interface StateSpec {
  readonly kind: string;
  readonly name: string | undefined;
  readonly counter: number;
  readonly from?: number;
  readonly numbers: readonly number[];
}
