import { describe, expect, test } from 'vitest';
import { divert } from '../../../src/lab/inside/tcpdump-words.ts';

const inside = ['flannel.1', 'cni0'];
const words = (line: string) => divert(line.split(' '), inside);

describe('tcpdump in a userspace node', () => {
  test('an interface inside of the router, however it is written', () => {
    for (const line of ['-i flannel.1', '-iflannel.1', '--interface=flannel.1', '--interface flannel.1'])
      expect(words(line)).toEqual({ interface: 'flannel.1', rest: [] });
    expect(words('-nnvi cni0 -c 3 tcp port 80')).toEqual({
      interface: 'cni0',
      rest: ['-n', '-n', '-v', '-c', '3', 'tcp', 'port', '80'],
    });
  });

  test('the words stay as they are for the real one: values that look like options, filters behind --', () => {
    expect(words('-w -i -i cni0')).toEqual({ interface: 'cni0', rest: ['-w', '-i'] });
    expect(words('-i cni0 -s0 --count -- host 10.244.1.2')).toEqual({
      interface: 'cni0',
      rest: ['-s', '0', '--count', '--', 'host', '10.244.1.2'],
    });
  });

  test('devices, files and questions are for the real one alone', () => {
    for (const line of ['-i eth0 udp port 8472', '-n', '-r cni0.pcap', '-i cni0 -r file', '-D -i cni0', 'host flannel.1'])
      expect(words(line)).toBe(undefined);
    expect(words('-i cni0 -i eth0')).toBe(undefined);
  });

  test('what only a device does is refused', () => {
    expect(() => words('-Q in -i flannel.1')).toThrow('tcpdump -Q: flannel.1 is inside');
  });
});
