/** What can be seen of a lab's wires from its pods and from outside: downloads, datagrams, pings and traces, without what differs by nature. */
import type { Kubehop } from './support.ts';

export interface LookOptions {
  readonly lab: string;
  /** As for `kubehop lab up --on`. */
  readonly on: string;
  readonly nodes: readonly string[];
  /** Who answers pod-a; each is of the image `kubehop/echo`. */
  readonly targets: readonly string[];
  readonly service: string;
  /** Address and port. */
  readonly nodePort: string;
  /** Of a pod's interface: sizes around it are tried. */
  readonly mtu: number;
  /** Of each download. */
  readonly mebibytes: number;
  /** Fewer sizes and ways, for a slow machine. */
  readonly quick?: boolean;
}

/** One thing that was tried: what was seen, and how long it took. */
export interface Seen {
  readonly text: string;
  readonly ms: number;
}

/** A V8 that falls over itself when it is emulated (nodejs/node 64500) says nothing about what carries the packets. */
const FALLEN = /^# Check failed: |exit 139\): Segmentation fault/m;
/** Set by `scripts/on-debian`: on an emulated processor an answer may take seconds without being lost. */
const EMULATED = process.env.KUBEHOP_READY_SECONDS !== undefined;
/** Seconds for one answer, and for one download. */
const ANSWER = EMULATED ? 20 : 2;
const PATIENCE = EMULATED ? 900 : 300;
const UDP_PORT = 9000;
const CLIENT = '203.0.113.9';
/** Answers each datagram with itself, and ends with one that says so. */
const UDP_ECHO = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', ${UDP_PORT}))
print('listens', flush=True)
while True:
    data, peer = s.recvfrom(65535)
    if data == b'end': break
    s.sendto(data, peer)`;
const udpAsk = (address: string, sizes: readonly number[]): string => `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(${ANSWER + 3})
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: what is too long is cut
s.connect(('${address}', ${UDP_PORT}))
for size in (${sizes.join(', ')}):
    sent = bytes(i * 7 % 251 for i in range(size))
    s.send(sent)
    try: print(size, s.recv(65535) == sent)
    except OSError as error: print(size, type(error).__name__)
s.send(b'end')`;

/** Times and rates differ by nature, and `tracepath` names a hop once more when it has asked twice before an answer came. */
export const steady = (text: string): string =>
  text
    .replace(/ *(time=?)?[0-9.]+ ?ms/g, '')
    .replace(/rtt .*/g, '')
    .replace(/^( *\d+: .*\n)\1+/gm, '$1')
    .replace(/^\n+|\n+$/g, '');

/** Brings the lab up, looks, and takes it down. @throws Error when it cannot be brought up */
export async function look(kubehop: Kubehop, options: LookOptions): Promise<Map<string, Seen>> {
  const { lab, on, nodes, targets } = options;
  let up = await kubehop.run('lab', 'up', lab, '--on', on);
  for (let again = 0; again < 3 && FALLEN.test(up.stderr); again++) up = await kubehop.run('lab', 'up', lab, '--on', on);
  if (up.code !== 0) throw new Error(`lab ${lab} on ${on}: ${up.stderr}`);
  try {
    await Promise.all(
      nodes.map(node => kubehop.run('exec', node, '--', 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000')),
    );
    const addresses = new Map(await Promise.all(targets.map(async pod => [pod, await addressOf(kubehop, pod)] as const)));
    const echoes = await Promise.all(targets.map(pod => startEcho(kubehop, pod)));
    try {
      const seen = await tryEach(kubehop, 'pod-a', fromPod(options, addresses));
      return new Map([...seen, ...(await tryEach(kubehop, 'client', fromOutside(options)))]);
    } finally {
      for (const end of echoes) await end();
    }
  } finally {
    await kubehop.run('lab', 'down', lab);
  }
}

type Trial = readonly [name: string, command: string];

const TRACE = `traceroute -n -q 1 -w ${ANSWER} -m 6`;

function fromPod({ targets, service, mtu, mebibytes, quick }: LookOptions, addresses: ReadonlyMap<string, string>): Trial[] {
  const pods = targets.map(pod => [pod, addresses.get(pod)!] as const);
  const sizes = quick === true ? [56, mtu - 28, mtu - 27, 1473, 8000] : [56, 1400, mtu - 28, mtu - 27, 1472, 1473, 2000, 8000, 8972];
  const datagrams = [1, 100, 1400, mtu - 29, mtu - 28, mtu - 27, 1472, 1473, 4000, 8000];
  return [
    ...pods.flatMap(([pod, address]) => download(`to ${pod}`, `http://${address}:8080`, mebibytes)),
    ...download('to the Service', `http://${service}`, mebibytes),
    ...pods.map(([pod, address]) => [`UDP 1 to 8000 to ${pod}`, `python3 - <<'END'\n${udpAsk(address, datagrams)}\nEND`] as const),
    ...pods.flatMap(([pod, address]) =>
      [...new Set(sizes)].flatMap(size =>
        (['do', 'want', 'dont'] as const).map(
          df => [`ping ${size} ${df} ${pod}`, `ping -n -c 1 -W ${ANSWER} -s ${size} -M ${df} ${address}`] as const,
        ),
      ),
    ),
    ...pods.flatMap(([pod, address]) => [
      [`tracepath ${pod}`, `tracepath -n ${address}`] as const,
      ...(['-I', '-U', '-T -p 8080'] as const).map(how => [`traceroute ${how} ${pod}`, `${TRACE} ${how} ${address}`] as const),
    ]),
    ['traceroute to the Service', `${TRACE} -T -p 80 ${service}`],
    ['tracepath to the client', `tracepath -n ${CLIENT}`],
  ];
}

function fromOutside({ nodePort, mebibytes }: LookOptions): Trial[] {
  const [node, port] = nodePort.split(':');
  return [
    ...download('from outside to the node port', `http://${nodePort}`, mebibytes),
    ['traceroute to the node port', `${TRACE} -T -p ${port} ${node}`],
    ['ping from outside', `ping -n -c 1 -W ${ANSWER} -s 1473 -M do ${node}`],
  ];
}

const download = (name: string, url: string, mebibytes: number): Trial[] => [
  [
    `TCP ${mebibytes} MiB ${name}`,
    `want=$(curl -sf --max-time ${PATIENCE} ${url}/${mebibytes}MiB.sha256)
    got=$(curl -sf --max-time ${PATIENCE} ${url}/${mebibytes}MiB | sha256sum | cut -c 1-64)
    if [ -n "$want" ] && [ "$got" = "$want" ]; then echo 'equal checksum'; else echo "$got and not $want"; fi`,
  ],
  [`who asks ${name}`, `curl -sf --max-time 60 ${url}/ | sed 's/.*"client":"\\([0-9.]*\\)".*/\\1/'`],
];

/** All in one process of the command line: on a slow machine that is what takes the time. */
async function tryEach(kubehop: Kubehop, where: string, trials: readonly Trial[]): Promise<Map<string, Seen>> {
  const script = trials.map(([name, command]) => `echo '<<${name}>>'; date +%s%3N; { ${command}\n} 2>&1; date +%s%3N`).join('\n');
  const { stdout, stderr } = await kubehop.run('exec', where, '--', 'sh', '-c', script);
  const seen = new Map<string, Seen>();
  for (const part of stdout.split(/^<</m).slice(1)) {
    const [, name, from, text, to] = /^(.*)>>\n(\d+)\n([\s\S]*?)(\d+)\n$/.exec(part) ?? [];
    seen.set(name ?? part, { text: steady(text ?? part), ms: Number(to) - Number(from) });
  }
  if (seen.size !== trials.length) throw new Error(`${where}: ${seen.size} of ${trials.length} things were tried: ${stderr}`);
  return seen;
}

/** @returns ends it, if nobody has */
async function startEcho(kubehop: Kubehop, pod: string): Promise<() => Promise<void>> {
  const echo = kubehop.start('exec', pod, '--', 'python3', '-u', '-c', UDP_ECHO);
  await new Promise<void>((resolve, reject) => {
    echo.process.stdout!.once('data', () => resolve());
    echo.process.once('exit', code => reject(new Error(`the echo of ${pod} ended with ${code}`)));
  });
  return async () => {
    echo.process.kill('SIGTERM');
    await echo.done;
  };
}

async function addressOf(kubehop: Kubehop, pod: string): Promise<string> {
  const { stdout, stderr } = await kubehop.run('exec', pod, '--', 'ip', '-4', '-o', 'address', 'show', 'eth0');
  const address = /inet ([\d.]+)\//.exec(stdout)?.[1];
  if (address === undefined) throw new Error(`no address of ${pod}: ${stdout}${stderr}`);
  return address;
}
