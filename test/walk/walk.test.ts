import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/base/errors.ts';
import { eventsOf, filter, nat, tell } from './support.ts';

const node = { addresses: ['eth0=192.168.56.11/24', 'cni0=10.244.1.1/24'], routes: ['default via 192.168.56.1 dev eth0'] };

describe('what nobody has said', () => {
  const masquerade = nat(
    '-A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination 10.244.2.5:8080',
    '-A POSTROUTING -j MASQUERADE',
  );

  test('the masquerade address is unknown without a route for the new destination', () => {
    const { story, text } = tell(
      masquerade,
      'tcp 203.0.113.9:40000 > 192.168.56.11:30080',
      { addresses: ['eth0=192.168.56.11/24'] },
      { in: 'eth0' },
    );
    expect(text).toContain('the address of the interface towards 10.244.2.5, unknown here');
    expect(story.outcome.packet.source).toEqual({ address: null, port: 40000, unknown: 'the address of the interface towards 10.244.2.5' });
    expect(story.outcome).toMatchObject({ fate: 'forwarded', out: null, nextHop: null });
  });

  test('and with a route it is that of an interface whose addresses are unknown', () => {
    const around = { addresses: ['eth0=192.168.56.11/24'], routes: ['10.244.2.0/24 dev flannel.1'] };
    const { story } = tell(masquerade, 'tcp 203.0.113.9:40000 > 192.168.56.11:30080', around, { in: 'eth0' });
    expect(story.outcome.packet.source.unknown).toBe('the address of flannel.1');
    expect(story.outcome.out).toBe('flannel.1');
  });

  test('rules with -o are undecided, unless another test of theirs fails', () => {
    const rules = filter('-A FORWARD -p udp -o cni0 -j ACCEPT', '-A FORWARD -p tcp -o cni0 -j ACCEPT', '-A FORWARD ! -o lo -j DROP');
    const { story, text } = tell(rules, 'tcp 203.0.113.9 > 10.244.2.5:80', { addresses: ['eth0=192.168.56.11/24'] }, { in: 'eth0' });
    expect(eventsOf(story, 'undecided').map(e => e.line)).toEqual([6]);
    expect(story.undecided).toBe(1);
    expect(story.outcome).toMatchObject({ verdict: 'DROP', by: 'line 7: -A FORWARD ! -o lo -j DROP' });
    expect(text).toContain('dropped, if the undecided rule does not match');
  });

  test('LOCAL is undecided as long as no address was given', () => {
    const rules = filter('-A FORWARD -m addrtype --dst-type LOCAL -j DROP');
    const packet = 'tcp 203.0.113.9 > 192.168.56.11:80';
    expect(tell(rules, packet, {}, { in: 'eth0' }).story.undecided).toBe(1);
    expect(tell(rules, packet, { addresses: ['eth0=192.168.56.12/24'] }, { in: 'eth0' }).story.undecided).toBe(0);
  });

  test('a file of routes is all of them: what none holds is unreachable, and the sender is told', () => {
    const routeFile = JSON.stringify([
      { dst: '192.168.56.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: '192.168.56.11' },
    ]);
    const { story } = tell(
      filter(),
      'tcp 192.168.56.9 > 10.244.2.5:80',
      { addresses: ['eth0=192.168.56.11/24'], routeFile },
      { in: 'eth0' },
    );
    expect(story.outcome).toMatchObject({ verdict: 'DROP', reason: 'IP_IN_NO_ROUTES', by: 'no route for 10.244.2.5' });
    expect(eventsOf(story, 'answer')[0]!.packet).toMatchObject({ icmp: { type: 3, code: 0 }, destination: { address: '192.168.56.9' } });
  });

  test('--out names the interface where no route does', () => {
    const rules = filter('-A FORWARD -o cni0 -j DROP');
    const { story } = tell(rules, 'tcp 203.0.113.9 > 10.244.2.5:80', { addresses: ['eth0=192.168.56.11/24'] }, { in: 'eth0', out: 'cni0' });
    expect(story.outcome).toMatchObject({ verdict: 'DROP' });
    expect(story.undecided).toBe(0);
  });

  test('nobody knows who owns a described packet', () => {
    const { story } = tell(filter('-A OUTPUT -m owner --uid-owner 0 -j DROP'), 'tcp 192.168.56.11 > 203.0.113.9:80', node);
    expect(eventsOf(story, 'undecided')[0]!.why).toBe('a described packet has no socket');
    expect(story.outcome.fate).toBe('sent');
  });
});

describe('the masquerade address', () => {
  const masquerade = nat('-A POSTROUTING -j MASQUERADE');
  test.each([
    [
      'in the network of the next hop',
      ['eth0=10.9.9.9/24,192.168.56.11/24'],
      '192.168.56.11 is the address of eth0, the interface it leaves by, in the network of the next hop 192.168.56.1',
    ],
    ['else the first', ['eth0=10.9.9.9/24,10.9.8.8/24'], '10.9.9.9 is the first address of eth0, the interface it leaves by'],
    [
      'of another interface where the own has none',
      ['eth0=', 'cni0=10.244.1.1/24'],
      "eth0, the interface it leaves by, has no address: 10.244.1.1 is the node's first",
    ],
  ])('is %s', (_, addresses, because) => {
    const around = { addresses, routes: ['default via 192.168.56.1 dev eth0'] };
    const { story } = tell(masquerade, 'tcp 10.244.1.2 > 8.8.8.8:53', around, { in: 'cni0' });
    expect(eventsOf(story, 'rule')[0]!.changes[0]!.because).toBe(because);
  });

  test('none at all drops the packet, as Linux does', () => {
    const { story, text } = tell(
      masquerade,
      'tcp 10.244.1.2 > 8.8.8.8:53',
      { addresses: ['eth0='], routes: ['default dev eth0'], addressFile: '[{"ifname":"cni0","addr_info":[]}]' },
      { in: 'cni0' },
    );
    expect(story.outcome.verdict).toBe('DROP');
    expect(text).toContain('has no address, nor has any other');
  });
});

describe('ends of a packet', () => {
  test('REJECT shows what goes back', () => {
    const { story } = tell(filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset'), 'tcp 203.0.113.9:1000 > 10.244.1.2:80', node, {
      in: 'eth0',
    });
    expect(story.outcome).toMatchObject({ verdict: 'REJECT', fate: 'dropped' });
    expect(eventsOf(story, 'answer')).toMatchObject([
      { sent: true, out: 'eth0', packet: { flags: 'RST,ACK', source: { address: '10.244.1.2', port: 80 } } },
    ]);
  });

  test('an answer that OUTPUT drops is said', () => {
    const rules = filter('-A FORWARD -j REJECT', '-A OUTPUT -p icmp -j DROP');
    const { story } = tell(rules, 'tcp 203.0.113.9:1000 > 10.244.1.2:80', node, { in: 'eth0' });
    expect(eventsOf(story, 'answer')).toMatchObject([{ sent: false }]);
  });

  test.each([
    ['tcp 203.0.113.9 > 10.244.1.2:80 ttl 1', 'TTL_EXCEEDED'],
    ['tcp 203.0.113.9 > 127.0.0.1:80', 'IP_LOCALNET'],
    ['tcp 192.168.56.11 > 10.244.1.2:80', 'IP_INVALID_SOURCE'],
    ['tcp 203.0.113.9 > 10.244.1.2:80 len 1600', 'PKT_TOO_BIG'],
  ])('%s is dropped by the path itself: %s', (packet, reason) => {
    const { story } = tell(filter(), packet, node, { in: 'eth0' });
    expect(story.outcome).toMatchObject({ verdict: 'DROP', reason });
    expect(eventsOf(story, 'dropped')[0]!.reason).toBe(reason);
  });

  test('a sysctl changes the path', () => {
    const sysctl = [['net.ipv4.conf.all.route_localnet', 1]] as const;
    const { story } = tell(filter(), 'tcp 203.0.113.9 > 127.0.0.1:80', node, { in: 'eth0', sysctl });
    expect(story.outcome.fate).toBe('delivered');
  });

  test('what the node sends to itself goes OUTPUT, POSTROUTING, PREROUTING, INPUT', () => {
    const { story } = tell(filter(), 'tcp 192.168.56.11 > 192.168.56.11:80', node);
    expect(eventsOf(story, 'hook').map(e => e.hook)).toEqual(['OUTPUT', 'POSTROUTING', 'PREROUTING', 'INPUT']);
    expect(story.outcome.fate).toBe('delivered');
  });

  test('a policy is named when it ends the packet', () => {
    const rules = filter().replace(':FORWARD ACCEPT', ':FORWARD DROP');
    expect(tell(rules, 'udp 203.0.113.9 > 10.244.1.2:53', node, { in: 'eth0' }).story.outcome.by).toBe('policy DROP of filter FORWARD');
  });
});

describe('conntrack states as they are described', () => {
  const rules = filter(
    '-A FORWARD -m conntrack --ctstate NEW -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate RELATED -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate INVALID -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT',
  );
  test.each([
    ['tcp 203.0.113.9 > 10.244.1.2:80', 5],
    ['tcp 203.0.113.9 > 10.244.1.2:80 state established', 6],
    ['tcp 203.0.113.9 > 10.244.1.2:80 fin ack state established', 6],
    ['udp 203.0.113.9 > 10.244.1.2:53 state established', 6],
    ['icmp 203.0.113.9 > 10.244.1.2 state established', 6],
    ['sctp 203.0.113.9 > 10.244.1.2:9 state established', 6],
    ['tcp 203.0.113.9 > 10.244.1.2:80 state related', 7],
    ['icmp 203.0.113.9 > 10.244.1.2 type 3 code 4 state related', 7],
    ['icmp 203.0.113.9 > 10.244.1.2 type 3 code 4', 8],
    ['tcp 203.0.113.9 > 10.244.1.2:80 state invalid', 8],
    ['tcp 203.0.113.9 > 10.244.1.2:80 state untracked', 9],
  ])('%s matches line %i', (packet, line) => {
    const { story } = tell(rules, packet, node, { in: 'eth0' });
    expect(eventsOf(story, 'rule').map(e => e.line)).toEqual([line]);
  });

  test('a flow that the rules would not let begin is established all the same, and that is said', () => {
    const closed = filter('-A FORWARD -m conntrack --ctstate NEW -j DROP');
    const { story } = tell(closed, 'tcp 203.0.113.9 > 10.244.1.2:80 state established', node, { in: 'eth0' });
    expect(story.outcome.verdict).toBe('ACCEPT');
    expect(story.notes.join()).toContain("would not let the flow's first packet through");
  });
});

describe('near misses', () => {
  const why = (rule: string, packet: string, table = filter): string => {
    const { story } = tell(table(rule), packet, node, { in: 'eth0', all: true });
    return eventsOf(story, 'missed')
      .map(e => `${e.test}: ${e.why}`)
      .join();
  };
  test.each([
    ['-A FORWARD -s 10.0.0.0/8 -j DROP', '-s 10.0.0.0/8: the source is 203.0.113.9'],
    ['-A FORWARD ! -d 10.0.0.0/8 -j DROP', '! -d 10.0.0.0/8: the destination is 10.244.1.2'],
    ['-A FORWARD -i cni+ -j DROP', '-i cni+: it came in by eth0'],
    ['-A FORWARD -o eth0 -j DROP', '-o eth0: it leaves by cni0'],
    ['-A FORWARD -p udp -j DROP', '-p udp: it is tcp'],
    ['-A FORWARD -p tcp -m tcp --dport 443 -j DROP', '-m tcp --dport 443: the ports are 40000 > 80'],
    [
      '-A FORWARD -p tcp -m tcp --dport 80 ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP',
      '-m tcp --dport 80 ! --tcp-flags FIN,SYN,RST,ACK SYN: its flags are SYN',
    ],
    ['-A FORWARD -m mark --mark 0x1 -j DROP', '-m mark --mark 0x1: the mark is 0x0'],
    ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j DROP', '-m conntrack --ctstate RELATED,ESTABLISHED: the state is NEW'],
    ['-A FORWARD -m addrtype --dst-type LOCAL -j DROP', '-m addrtype --dst-type LOCAL: 10.244.1.2 is UNICAST'],
    ['-A FORWARD -m ttl --ttl-lt 5 -j DROP', '-m ttl --ttl-lt 5: its TTL is 63'],
    ['-A FORWARD -m length --length 1000:2000 -j DROP', '-m length --length 1000:2000: it has 44 bytes'],
    ['-A FORWARD -p tcp -m multiport --dports 22,443 -j DROP', '-m multiport --dports 22,443: the ports are 40000 > 80'],
  ])('%s', (rule, expected) => {
    expect(why(rule, 'tcp 203.0.113.9 > 10.244.1.2:80')).toBe(expected);
  });

  test('are left out unless they are asked for', () => {
    const { story } = tell(filter('-A FORWARD -p udp -j DROP'), 'tcp 203.0.113.9 > 10.244.1.2:80', node, { in: 'eth0' });
    expect(eventsOf(story, 'missed')).toEqual([]);
  });
});

describe('choices', () => {
  const three = nat(
    ':S - [0:0]',
    '-A PREROUTING -j S',
    '-A S -m statistic --mode random --probability 0.33333333349 -j DNAT --to-destination 10.244.1.2',
    '-A S -m statistic --mode random --probability 0.50000000000 -j DNAT --to-destination 10.244.1.3',
    '-A S -j DNAT --to-destination 10.244.1.4',
  );
  test.each([1, 2, 3])('--choose %i takes that backend', choose => {
    const { story } = tell(three, 'tcp 203.0.113.9 > 192.168.56.11:80', node, { in: 'eth0', choose });
    expect(story.outcome.packet.destination.address).toBe(`10.244.1.${choose + 1}`);
    const [choice] = eventsOf(story, 'rule').flatMap(e => e.choice ?? []);
    expect(choice!.backends.map(b => b.share.toFixed(4))).toEqual(['0.3333', '0.3333', '0.3333']);
  });

  test('there is no fourth of three', () => {
    const walkIt = () => tell(three, 'tcp 203.0.113.9 > 192.168.56.11:80', node, { in: 'eth0', choose: 4 });
    expect(walkIt).toThrow('--choose 4: S chooses among 3');
  });

  test('a choice that nobody met is said', () => {
    const { story } = tell(filter(), 'tcp 203.0.113.9 > 10.244.1.2:80', node, { in: 'eth0', choose: 1 });
    expect(story.notes).toContain('--choose 1: the packet met no choice');
  });

  test('a rule for a part of the packets has the rules behind it as the other way', () => {
    const rules = filter('-A FORWARD -m statistic --mode random --probability 0.25 -j DROP', '-A FORWARD -p tcp -j ACCEPT');
    const { story } = tell(rules, 'tcp 203.0.113.9 > 10.244.1.2:80', node, { in: 'eth0', choose: 2 });
    const [choice] = eventsOf(story, 'rule').flatMap(e => e.choice ?? []);
    expect(choice!.backends).toEqual([
      { number: 1, share: 0.25, to: 'DROP' },
      { number: 2, share: 0.75, to: 'the rules behind' },
    ]);
    expect(story.outcome.verdict).toBe('ACCEPT');
  });
});

test('a rule that is not understood is named, and with lenient it never matches', () => {
  const rules = filter('-A FORWARD -m nosuch --thing -j DROP');
  const strict = () => tell(rules, 'tcp 203.0.113.9 > 10.244.1.2:80', node, { in: 'eth0' });
  expect(strict).toThrow(TextError);
  const { story, warnings } = tell(rules, 'tcp 203.0.113.9 > 10.244.1.2:80', node, {
    in: 'eth0',
    all: true,
    rules: { text: rules, file: 'rules', lenient: true },
  });
  expect(warnings.join()).toContain('nosuch');
  expect(eventsOf(story, 'missed')[0]!.why).toBe('the router cannot execute it: it never matches');
  expect(story.outcome.verdict).toBe('ACCEPT');
});
