/**
 * Names that rules may use for numbers: protocols, services, users, groups. As with iptables they are those of the machine
 * (`/etc/protocols`, `/etc/services`, `/etc/passwd`, `/etc/group`, `/etc/iproute2`, read when the first name is met); a short table stands in for
 * what a slim system does not have. Host names are not resolved.
 */
import { readFileSync } from 'node:fs';

export interface Names {
  /** undefined: no such name. `protocol` narrows, when it is given. */
  servicePort(name: string, protocol?: string): number | undefined;
  serviceName(port: number, protocol: string): string | undefined;
  protocolNumber(name: string): number | undefined;
  protocolName(number: number): string | undefined;
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
  userName(id: number): string | undefined;
  groupName(id: number): string | undefined;
  /** Routing realms and groups of interfaces, as iproute2 names them. */
  realmNumber(name: string): number | undefined;
  realmName(number: number): string | undefined;
  deviceGroupNumber(name: string): number | undefined;
  deviceGroupName(number: number): string | undefined;
}

/** The names that iptables itself knows, first match wins in both directions (`xtables_chain_protos`). */
const protocols: readonly (readonly [string, number])[] = [
  ['tcp', 6],
  ['sctp', 132],
  ['udp', 17],
  ['udplite', 136],
  ['icmp', 1],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['esp', 50],
  ['ah', 51],
  ['mobility-header', 135],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['dccp', 33],
  ['ipcomp', 108],
  ['all', 0],
];

/** Assigned numbers (IANA) that a node may meet; used where /etc/protocols is missing. */
const otherProtocols =
  'ip 0 hopopt 0 igmp 2 ggp 3 ipencap 4 st 5 egp 8 igp 9 pup 12 hmp 20 xns-idp 22 rdp 27 iso-tp4 29 xtp 36 ddp 37 idpr-cmtp 38 ' +
  'ipv6 41 ipv6-route 43 ipv6-frag 44 idrp 45 rsvp 46 gre 47 skip 57 ipv6-nonxt 59 ipv6-opts 60 rspf 73 vmtp 81 eigrp 88 ospf 89 ' +
  'ax.25 93 ipip 94 etherip 97 encap 98 pim 103 vrrp 112 l2tp 115 isis 124 fc 133 mpls-in-ip 137 manet 138 hip 139 shim6 140 ' +
  'wesp 141 rohc 142 ethernet 143';

/** Services that stand in for a missing /etc/services: `t` for tcp, `u` for udp, `b` for both. */
const services =
  'tcpmux t1 echo b7 discard b9 systat t11 daytime b13 netstat t15 chargen b19 ftp-data t20 ftp t21 ssh t22 telnet t23 smtp t25 time b37 whois t43 tacacs b49 domain b53 ' +
  'bootps u67 bootpc u68 tftp u69 gopher t70 finger t79 http t80 kerberos b88 pop3 t110 sunrpc b111 auth t113 nntp t119 ntp u123 ' +
  'netbios-ns u137 netbios-dgm u138 netbios-ssn t139 imap2 t143 snmp b161 snmp-trap b162 bgp t179 ldap b389 https b443 ' +
  'microsoft-ds b445 submissions t465 isakmp u500 syslog u514 printer t515 route u520 submission t587 ipp t631 ldaps b636 rsync t873 ' +
  'ftps t990 imaps t993 pop3s t995 socks t1080 openvpn b1194 radius b1812 radius-acct b1813 nfs b2049 mysql t3306 svn t3690 ' +
  'ipsec-nat-t u4500 sip b5060 xmpp-client t5222 postgresql t5432 amqp b5672 x11 t6000 redis t6379 http-alt b8080';

interface Table {
  /** `name/protocol` and `name` alone to number; `number/protocol` to name. */
  byName: Map<string, number>;
  byNumber: Map<string, string>;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a slim system: the built-in table stands
  }
}

function lazy<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

const add = <K, V>(map: Map<K, V>, key: K, value: V): void => void (map.has(key) || map.set(key, value));

/** Lines of words with `#` comments. */
const lines = (path: string): string[][] =>
  read(path)
    .split('\n')
    .map(line =>
      line
        .replace(/#.*/, '')
        .split(/\s+/)
        .filter(word => word !== ''),
    )
    .filter(words => words.length >= 2);

const serviceTable = lazy((): Table => {
  const table: Table = { byName: new Map(), byNumber: new Map() };
  const enter = (names: string[], port: number, protocol: string): void => {
    for (const name of names) {
      add(table.byName, `${name}/${protocol}`, port);
      add(table.byName, name, port);
    }
    add(table.byNumber, `${port}/${protocol}`, names[0]!);
  };
  for (const [name, where, ...aliases] of lines('/etc/services')) {
    const [port, protocol] = where!.split('/');
    enter([name!, ...aliases], Number(port), protocol!);
  }
  const words = table.byName.size > 0 ? [] : services.split(' ');
  for (let i = 0; i < words.length; i += 2) {
    const protocols = { t: ['tcp'], u: ['udp'], b: ['tcp', 'udp'] }[words[i + 1]![0] as 't' | 'u' | 'b'];
    for (const p of protocols) enter([words[i]!], Number(words[i + 1]!.slice(1)), p);
  }
  return table;
});

const protocolTable = lazy((): Table => {
  const table: Table = { byName: new Map(), byNumber: new Map() };
  for (const [name, number] of protocols) {
    add(table.byName, name, number);
    add(table.byNumber, String(number), name);
  }
  for (const [name, number, ...aliases] of lines('/etc/protocols')) {
    for (const alias of [name!, ...aliases]) add(table.byName, alias, Number(number));
    add(table.byNumber, number!, name!);
  }
  const words = otherProtocols.split(' ');
  for (let i = 0; i < words.length; i += 2) {
    add(table.byName, words[i]!, Number(words[i + 1]));
    add(table.byNumber, words[i + 1]!, words[i]!);
  }
  return table;
});

/** Third field of passwd(5) and group(5) lines. */
const idTable = (path: string) =>
  lazy((): Table => {
    const table: Table = { byName: new Map(), byNumber: new Map() };
    for (const line of read(path).split('\n')) {
      const [name, , id] = line.split(':');
      if (!name || !id) continue;
      add(table.byName, name, Number(id));
      add(table.byNumber, id, name);
    }
    add(table.byName, 'root', 0);
    add(table.byNumber, '0', 'root');
    return table;
  });

const users = idTable('/etc/passwd');
const groups = idTable('/etc/group');

/** `0 cosmos`: a number and its name. Number 0 has a name on every system. */
const numberTable = (path: string, zero: string) =>
  lazy((): Table => {
    const table: Table = { byName: new Map(), byNumber: new Map() };
    for (const [number, name] of [...lines(path), ['0', zero]]) {
      add(table.byName, name!, Number(number));
      add(table.byNumber, String(Number(number)), name!);
    }
    return table;
  });
const realms = numberTable('/etc/iproute2/rt_realms', 'cosmos');
const deviceGroups = numberTable('/etc/iproute2/group', 'default');

export const systemNames: Names = {
  servicePort: (name, protocol) => serviceTable().byName.get(protocol === undefined ? name : `${name}/${protocol}`),
  serviceName: (port, protocol) => serviceTable().byNumber.get(`${port}/${protocol}`),
  protocolNumber: name => protocolTable().byName.get(name),
  protocolName: number => (number === 0 ? undefined : protocolTable().byNumber.get(String(number))),
  userId: name => users().byName.get(name),
  groupId: name => groups().byName.get(name),
  userName: id => users().byNumber.get(String(id)),
  groupName: id => groups().byNumber.get(String(id)),
  realmNumber: name => realms().byName.get(name),
  realmName: number => realms().byNumber.get(String(number)),
  deviceGroupNumber: name => deviceGroups().byName.get(name),
  deviceGroupName: number => deviceGroups().byNumber.get(String(number)),
};
