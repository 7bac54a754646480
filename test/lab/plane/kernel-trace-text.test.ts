import { describe, expect, test } from 'vitest';
import { TraceTextReader } from '../../../src/lab/plane/kernel-trace-text.ts';

/** What xtables-monitor 1.8.9 printed on Linux 6.18. */
const text = `PACKET: 2 cc8c6310 IN=eth0 MACSRC=be:b3:e5:a1:e1:84 MACDST=a:71:62:ab:90:78 MACPROTO=0800 SRC=10.9.0.1 DST=10.9.0.2 LEN=60 TOS=0x0 TTL=64 ID=38645 DF SPORT=51836 DPORT=80 SYN
 TRACE: 2 cc8c6310 kubehop_trace:in:rule:0x3:CONTINUE  -4 -t kubehop_trace -A in -j TRACE
 TRACE: 2 cc8c6310 kubehop_trace:in:policy:ACCEPT
PACKET: 2 cc8c6310 IN=eth0 MACSRC=be:b3:e5:a1:e1:84 MACDST=a:71:62:ab:90:78 MACPROTO=0800 SRC=10.9.0.1 DST=10.9.0.2 LEN=60 TOS=0x0 TTL=64 ID=38645 DF SPORT=51836 DPORT=80 SYN
 TRACE: 2 cc8c6310 nat:PREROUTING:rule:0x3:JUMP:KUBE-X  -4 -t nat -A PREROUTING -j KUBE-X
PACKET: 2 395083de OUT=eth0 SRC=10.9.0.2 DST=10.9.0.1 LEN=40 TOS=0x0 TTL=64 ID=0 DF SPORT=81 DPORT=51836 ACK RST
 TRACE: 2 395083de kubehop_trace:out:rule:0x4:CONTINUE  -4 -t kubehop_trace -A out -j TRACE
 TRACE: 2 cc8c6310 nat:KUBE-X:rule:0x4:ACCEPT  -4 -t nat -A KUBE-X -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.2:81
 TRACE: 2 395083de filter:OUTPUT:policy:DROP
 TRACE: 2 cc8c6310 filter:KUBE-Y:return:
 TRACE: 2 cc8c6310 filter:INPUT:policy:ACCEPT
`;

describe("the text of the kernel's rule trace", () => {
  const reader = new TraceTextReader('node1', 'kubehop_trace');
  // in pieces, as a pipe gives them
  for (let at = 0; at < text.length; at += 37) reader.take(text.slice(at, at + 37), 5n);

  test('is a packet with its headers, and the rules that it met, under one number', () => {
    const first = reader.lines.filter(line => line.packet === 1);
    expect(first[0]).toEqual({
      node: 'node1',
      packet: 1,
      timeNs: '5',
      kind: 'packet',
      header: {
        iif: 'eth0',
        src: '10.9.0.1',
        dst: '10.9.0.2',
        identification: 38_645,
        ttl: 64,
        totalLength: 60,
        srcPort: 51_836,
        dstPort: 80,
        flags: 'SYN',
      },
    });
    expect(first.slice(1).map(line => [line.hook, line.rule?.table, line.rule?.chain, line.rule?.text, line.verdict])).toEqual([
      ['PREROUTING', 'nat', 'PREROUTING', '-j KUBE-X', undefined],
      ['PREROUTING', 'nat', 'KUBE-X', '-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.2:81', undefined],
      ['INPUT', 'filter', 'INPUT', 'ACCEPT', 'ACCEPT'],
    ]);
  });

  test('keeps packets apart that are told at the same time', () => {
    const second = reader.lines.filter(line => line.packet === 2);
    expect(second[0]!.header).toMatchObject({ oif: 'eth0', flags: 'RST,ACK', identification: 0 });
    expect(second[0]!.header).not.toHaveProperty('iif');
    expect(second.slice(1)).toMatchObject([{ hook: 'OUTPUT', event: 'policy', verdict: 'DROP', rule: { chain: 'OUTPUT', number: 0 } }]);
  });

  test('has handles and verdicts of rules when they are asked for', () => {
    const whole = new TraceTextReader('node1', 'kubehop_trace', true);
    const packet = 'PACKET: 2 1 IN=eth0 SRC=10.9.0.1 DST=10.9.0.2 LEN=60 TOS=0x0 TTL=64 ID=1 SPORT=1 DPORT=2 SYN\n';
    whole.take(`${packet} TRACE: 2 1 kubehop_trace:in:rule:0x3:CONTINUE  -4 -t kubehop_trace -A in -j TRACE\n`, 1n);
    whole.take(' TRACE: 2 1 nat:PREROUTING:rule:0x1a:JUMP:KUBE-X  -4 -t nat -A PREROUTING -j KUBE-X\n', 1n);
    expect(whole.lines[1]!.rule).toMatchObject({ table: 'nat', chain: 'PREROUTING', handle: 26, said: 'JUMP:KUBE-X' });
  });

  test('of what is no IPv4 packet is passed over', () => {
    const other = new TraceTextReader('node1', 'kubehop_trace');
    other.take('PACKET: 10 1 IN=eth0 SRC=fe80::1 DST=ff02::1\n TRACE: 10 1 kubehop_trace:in:rule:0x3:CONTINUE  -6 -t x -A in\nnoise\n', 1n);
    expect(other.lines).toEqual([]);
  });
});
