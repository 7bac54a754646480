/** What kinds of packets went in, and which switches were turned. */
import type { Step } from '../case.ts';

export function* specItems(step: Step): Generator<string> {
  if (step.kind === 'sysctl') {
    yield `sysctl ${step.name.replace(/^net\.(ipv4|netfilter)\./, '').replace(/conf\.[abc]\./, 'conf.IF.')} ${step.value}`;
    return;
  }
  if (step.kind === 'wait') {
    yield 'packet nothing for a while';
    return;
  }
  if (step.kind === 'load' || step.kind === 'conntrack') return;
  if (step.kind === 'error') {
    yield `icmp in ${step.type}/${step.code} with a quote`;
    if (step.quote !== undefined) yield 'packet error with a quote that is cut short';
    if (step.from !== undefined) yield 'packet error from somebody else';
    return;
  }
  const p = step.packet;
  if (p.fault) yield `packet fault ${p.fault}`;
  if (p.to) yield `packet to ${p.to}`;
  if (p.options) yield `packet ip option ${p.options[0]}`;
  if (p.tcpOptions) yield 'packet tcp options';
  if (p.ttl === 1) yield 'packet ttl 1';
  if (p.dontFragment && (p.length ?? 0) > 1372) yield 'packet too long for c, not to be cut';
  if (p.fragment) yield `packet fragment ${p.fragment.offset === 0 ? 'first' : 'later'}`;
  if (step.kind === 'send') {
    for (const [name, address] of [
      ['from', step.packet.src],
      ['to', step.packet.dst],
    ] as const) {
      const kind = oddAddress(address);
      if (kind) yield `packet ${name} ${kind}`;
    }
    if (p.src === p.dst) yield 'packet from an address to itself';
  }
  if (p.protocol === 'icmp') yield `icmp in ${p.type ?? 8}`;
}

function oddAddress(address: string): string | undefined {
  if (/^10\.0\.[123]\.1$/.test(address)) return "the router's address";
  if (/^10\.0\.[123]\.255$/.test(address)) return "a network's broadcast address";
  if (address === '255.255.255.255') return 'everybody';
  if (address.startsWith('127.')) return 'loopback';
  if (/^2(2[4-9]|3\d)\./.test(address)) return 'a group';
  if (address.startsWith('0.')) return 'network 0';
  if (address.startsWith('192.0.2.')) return 'an unreachable or blackhole route';
  if (address.startsWith('172.31.')) return 'nowhere';
  return undefined;
}
