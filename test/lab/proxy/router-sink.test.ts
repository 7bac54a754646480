import { describe, expect, test } from 'vitest';
import { PlaneSink } from '../../../src/lab/proxy/plane-sink.ts';
import { RouterSink } from '../../../src/lab/proxy/router-sink.ts';
import { EMPTY_RULE_SET } from '../../../src/netfilter/ruleset.ts';
import { baseJumps, canaryTables } from '../../../src/proxy/iptables/base-jumps.ts';
import { renderRules } from '../../../src/proxy/render.ts';
import { nodeConfig, service, slice, ToolPlane } from './plane.ts';

const MINE = '*filter\n:INPUT ACCEPT [0:0]\n:MINE - [0:0]\n-A INPUT -j MINE\nCOMMIT\n';

function router(): { plane: ToolPlane; sink: RouterSink } {
  const plane = new ToolPlane();
  plane.rules.load(MINE);
  const holder = {
    get ruleSet() {
      return plane.rules.programText?.ruleSet ?? EMPTY_RULE_SET;
    },
    install: (ruleSet: typeof EMPTY_RULE_SET) => void plane.rules.install(ruleSet),
    accounting: () => plane.rules.programText?.accounting() ?? new Map(),
  };
  return { plane, sink: new RouterSink(plane, holder) };
}
const web = [
  service('web', { type: 'NodePort', ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }] }),
  slice('web', ['10.244.1.2', '10.244.2.2']),
];
const restoreOf = (objects: typeof web, standing: Iterable<string> = []) => {
  const { restore } = renderRules(objects, nodeConfig);
  const gone = [...standing].filter(chain => /^KUBE-(SVC|SEP|EXT)-/.test(chain) && !restore.nat.chains.includes(chain));
  return { ...restore, nat: { ...restore.nat, deleted: gone } };
};

describe('a sink on the rules of a router', () => {
  test('leaves the same rules as the text would, those of others among them', async () => {
    const text = new ToolPlane();
    text.rules.load(MINE);
    const byText = new PlaneSink(text);
    const { plane, sink } = router();
    for (const objects of [web, [...web, service('nobody', { clusterIP: '10.96.0.11' })], [web[0]!, slice('web', ['10.244.2.2'])], []]) {
      for (const each of [byText, sink]) {
        await each.ensureBase(baseJumps, canaryTables);
        await each.restore(restoreOf(objects, await each.natChains()));
      }
      const lines = (t: string) => t.split('\n').sort();
      expect(lines(plane.text())).toEqual(lines(text.text()));
    }
    expect(plane.text()).toMatch(/^-A INPUT -j MINE$/m);
  });

  test('a chain that stays as it was stays the same object', async () => {
    const { plane, sink } = router();
    await sink.ensureBase(baseJumps, canaryTables);
    const { restore } = renderRules(web, nodeConfig);
    await sink.restore(restore);
    const chains = () => plane.rules.programText!.ruleSet.tables.get('nat')!.chains;
    const before = new Map(chains());
    await sink.restore(restore);
    for (const [name, chain] of before) expect(chains().get(name)).toBe(chain);
  });

  test('a set that cannot be is refused, and the old one stays', async () => {
    const { plane, sink } = router();
    await sink.ensureBase(baseJumps, canaryTables);
    const { restore } = renderRules(web, nodeConfig);
    await sink.restore(restore);
    const before = plane.text();
    const [jumpedTo] = restore.nat.chains.filter(chain => chain.startsWith('KUBE-SVC-'));
    const broken = {
      ...restore,
      nat: {
        ...restore.nat,
        chains: restore.nat.chains.filter(c => c !== jumpedTo),
        rules: restore.nat.rules.filter(r => r.chain !== jumpedTo),
        deleted: [jumpedTo!],
      },
    };
    await expect(sink.restore(broken)).rejects.toThrow(jumpedTo);
    expect(plane.text()).toBe(before);
  });
});
