import { describe, expect, test } from 'vitest';
import { configLines, extcapInterfaces, interfaceLines, whereOf } from '../../../src/lab/wireshark/extcap.ts';

const hop = (name: string, hook = false) => ({ name, description: hook ? 'inside {it}' : 'an interface', hook });
const labs = [{ lab: '07', hops: [hop('client/eth0'), hop('node1/eth0'), hop('node1/flannel.1'), hop('node1/prerouting', true)] }];

describe('interfaces in Wireshark', () => {
  const interfaces = extcapInterfaces(labs);

  test('are the lab, its nodes and each hop, under names that fit into a file name', () => {
    expect(interfaces.map(i => i.value)).toEqual([
      'kubehop_07',
      'kubehop_07_node1',
      'kubehop_07_client_eth0',
      'kubehop_07_node1_eth0',
      'kubehop_07_node1_flannel.1',
      'kubehop_07_node1_prerouting',
    ]);
    for (const { value } of interfaces) expect(value).toMatch(/^[\w.-]+$/);
  });

  test('are said one per line, and braces in words do not end them', () => {
    const lines = interfaceLines('0.1.0', interfaces);
    expect(lines[0]).toMatch(/^extcap \{version=0\.1\.0\}\{help=/);
    expect(lines[1]).toBe('interface {value=kubehop_07}{display=kubehop lab 07: all hops}');
    expect(lines.at(-1)).toBe('interface {value=kubehop_07_node1_prerouting}{display=kubehop lab 07: node1/prerouting (inside  it )}');
  });

  test('of several hops can leave out the hooks, single ones have nothing to choose', () => {
    const [all, node1, client] = interfaces;
    expect(configLines(all!).join()).toContain('{call=--interfaces-only}');
    expect(configLines(node1!)).toHaveLength(1);
    expect(configLines(client!)).toEqual([]);
    expect(whereOf(node1!, false)).toEqual(['node1/eth0', 'node1/flannel.1', 'node1/prerouting']);
    expect(whereOf(node1!, true)).toEqual(['node1/eth0', 'node1/flannel.1']);
  });

  test('are none without a lab', () => expect(interfaceLines('0.1.0', extcapInterfaces([]))).toHaveLength(1));
});
