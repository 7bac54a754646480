/** Rules that are there whatever Services there are (kubernetes `pkg/proxy/iptables/proxier.go`). Pure. */
import { isLoopbackIp } from '../../base/ip.ts';
import type { CompileEnvironment } from './config.ts';
import { Chain, Counter } from './names.ts';
import { comment, ctstate, destination, jump, nfacct, type Origin, type Part, type ProxyRule, proxyRule, source, toLocal } from './rule.ts';

const option = (name: string): Origin => ({ object: 'kube-proxy', field: name });

/** Takes the mark off, so that the outer packet of a tunnel, which has it as well, is not masqueraded a second time. */
export function postroutingRules({ masqueradeMark: mark, randomFully }: CompileEnvironment): ProxyRule[] {
  const origin = option('masqueradeBit');
  const chain = Chain.Postrouting;
  return [
    proxyRule(chain, [{ kind: 'mark', mark, not: true }], { kind: 'RETURN' }, origin),
    proxyRule(chain, [], { kind: 'flipMark', mark }, origin),
    proxyRule(chain, [comment('kubernetes service traffic requiring SNAT')], { kind: 'MASQUERADE', randomFully }, origin),
    proxyRule(Chain.MarkMasq, [], { kind: 'setMark', mark }, origin),
  ];
}

/** With `route_localnet`, which node ports at 127.0.0.1 need, neighbours could reach what listens at 127.0.0.1. */
export function localnetRules({ family, localhost }: CompileEnvironment): ProxyRule[] {
  if (family !== 'IPv4' || !localhost) return [];
  const parts = [
    comment('block incoming localnet connections'),
    destination('127.0.0.0/8'),
    source('127.0.0.0/8', true),
    ctstate(['RELATED', 'ESTABLISHED', 'DNAT'], true),
  ];
  return [proxyRule(Chain.Firewall, parts, { kind: 'DROP' }, option('iptables.localhostNodePorts'))];
}

/** The way to the node ports, behind all Services. @param log gets a line for an address that cannot be used */
export function nodePortJumps(env: CompileEnvironment, log: (line: string) => void): ProxyRule[] {
  const words = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  const rule = (parts: Part[]): ProxyRule =>
    proxyRule(Chain.Services, [words, ...parts], jump(Chain.NodePorts), option('nodePortAddresses'));
  const v6 = env.family === 'IPv6';
  if (env.nodePorts.matchAll) {
    if (v6) return [rule([toLocal, destination('::1/128', true)])];
    return [rule(env.localhost ? [toLocal] : [toLocal, destination('127.0.0.0/8', true)])];
  }
  return env.nodePorts.nodeIps(env.localIps).flatMap(ip => {
    if (!isLoopbackIp(ip) || (!v6 && env.localhost)) return [rule([destination(ip.text)])];
    log(
      v6
        ? `nodePortAddresses holds ${ip.text}: node ports at localhost are not supported with IPv6`
        : `nodePortAddresses holds ${ip.text}, and node ports at localhost are off`,
    );
    return [];
  });
}

/** What is forwarded although the policy of FORWARD may be DROP, and what must not be forwarded. */
export function forwardRules({ masqueradeMark: mark, conntrackTcpLiberal, counters, dialect }: CompileEnvironment): ProxyRule[] {
  const chain = Chain.Forward;
  const rules: ProxyRule[] = [];
  if (!conntrackTcpLiberal) {
    // An INVALID packet is not translated back: its receiver would reset the connection.
    const counted = dialect.countsInvalid && counters.has(Counter.invalidDropped) ? [nfacct(Counter.invalidDropped)] : [];
    rules.push(proxyRule(chain, [ctstate(['INVALID']), ...counted], { kind: 'DROP' }, option('conntrack.tcpBeLiberal')));
  }
  const marked: Part[] = [comment('kubernetes forwarding rules'), { kind: 'mark', mark, not: false }];
  rules.push(proxyRule(chain, marked, { kind: 'ACCEPT' }, option('masqueradeBit')));
  const parts = [comment('kubernetes forwarding conntrack rule'), ctstate(['RELATED', 'ESTABLISHED'])];
  rules.push(proxyRule(chain, parts, { kind: 'ACCEPT' }, option('standing rules')));
  return rules;
}
