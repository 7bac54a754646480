/** What is known of a node's rules besides their words: their numbers, the object of the cluster behind each, their share among endpoints. */
import type { RuleName } from '../../capture/trace-text.ts';
import { readRuleSet } from '../../netfilter/text/read.ts';
import { printRule } from '../../netfilter/text/rule-printer.ts';

export class RuleBook {
  /** By table and chain: rules as iptables-save prints them. */
  readonly #chains = new Map<string, string[]>();
  readonly #origins = new Map<string, string>();

  /**
   * @param text of iptables-save. A line `# Service default/web field spec.clusterIP` above a rule says what the rule was made from.
   * @throws TextError when it is no such text
   */
  constructor(text: string) {
    const { ruleSet } = readRuleSet(text, { lenient: true });
    for (const table of ruleSet.tables.values())
      for (const chain of table.chains.values())
        this.#chains.set(
          `${table.name} ${chain.name}`,
          chain.rules.map(rule => printRule(rule).trim()),
        );
    this.#readOrigins(text.split('\n'));
  }

  #readOrigins(lines: readonly string[]): void {
    let table = '';
    let origin: string | undefined;
    const seen = new Map<string, number>();
    for (const line of lines) {
      const [, name] = /^\*(\S+)/.exec(line) ?? [];
      const [, chain] = /^(?:\[\d+:\d+\] )?-A (\S+)/.exec(line) ?? [];
      if (name !== undefined) table = name;
      if (chain !== undefined) {
        const key = `${table} ${chain}`;
        const at = seen.get(key) ?? 0;
        seen.set(key, at + 1);
        const rule = this.#chains.get(key)?.[at];
        if (origin !== undefined && rule !== undefined) this.#origins.set(`${key} ${rule}`, origin);
      }
      origin = /^# (.+)/.exec(line)?.[1];
    }
  }

  /** Place of a rule in its chain, from 1; 0 when it is not there. */
  number(table: string, chain: string, text: string): number {
    return (this.#chains.get(`${table} ${chain}`)?.indexOf(text) ?? -1) + 1;
  }

  origin({ table, chain, text }: RuleName): string | undefined {
    return this.#origins.get(`${table} ${chain} ${text}`);
  }

  /** Of a rule that hands packets to one endpoint of a Service. */
  endpoint({ table, chain, text }: RuleName): { nth: number; of: number } | undefined {
    const endpoints = this.#chains.get(`${table} ${chain}`)?.filter(toEndpoint) ?? [];
    const at = toEndpoint(text) ? endpoints.indexOf(text) : -1;
    return at < 0 ? undefined : { nth: at + 1, of: endpoints.length };
  }
}

/** Affinity has a second rule for each endpoint, which asks who came before. */
const toEndpoint = (text: string): boolean => /-j KUBE-SEP-/.test(text) && !/-m recent/.test(text);
