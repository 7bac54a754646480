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
s.settimeout(5)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: what is too long is cut
s.connect(('${address}', ${UDP_PORT}))
for size in (${sizes.join(', ')}):
    sent = bytes(i * 7 % 251 for i in range(size))
    s.send(sent)
    try: print(size, s.recv(65535) == sent)
    except OSError as error: print(size, type(error).__name__)
s.send(b'end')`;

/** Times and rates differ by nature. */
export const steady = (text: string): string =>
  text
    .replace(/ *(time=?)?[0-9.]+ ?ms/g, '')
    .replace(/rtt .*/g, '')
    .replace(/^\n+|\n+$/g, '');

/** Brings the lab up, looks, and takes it down. @throws Error when it cannot be brought up */
export async function look(kubehop: Kubehop, options: LookOptions): Promise<Map<string, Seen>> {
  const { lab, on, nodes, targets } = options;
  const up = await kubehop.run('lab', 'up', lab, '--on', on);
  if (up.code !== 0) throw new Error(`lab ${lab} on ${on}: ${up.stderr}`);
  const looker = new Looker(kubehop, options);
  try {
    for (const node of nodes) await looker.output(node, 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000');
    await looker.downloads();
    for (const target of targets) await looker.datagrams(target);
    for (const target of targets) await looker.pings(target);
    for (const target of targets) await looker.traces(target);
    await looker.tracesToServices();
  } finally {
    await kubehop.run('lab', 'down', lab);
  }
  return looker.seen;
}

class Looker {
  readonly seen = new Map<string, Seen>();
  readonly #kubehop: Kubehop;
  readonly #options: LookOptions;
  readonly #addresses = new Map<string, string>();

  constructor(kubehop: Kubehop, options: LookOptions) {
    this.#kubehop = kubehop;
    this.#options = options;
  }

  async output(where: string, ...argv: string[]): Promise<string> {
    const { stdout, stderr } = await this.#kubehop.run('exec', where, '--', ...argv);
    return stdout + stderr;
  }

  async downloads(): Promise<void> {
    const { service, nodePort, targets, mebibytes } = this.#options;
    const first = await this.#address(targets[0]!);
    const sum = (await this.output('pod-a', 'curl', '-sf', `http://${first}:8080/${mebibytes}MiB.sha256`)).trim();
    const ways = [
      ...(await Promise.all(targets.map(async pod => [`to ${pod}`, 'pod-a', `http://${await this.#address(pod)}:8080`] as const))),
      ['to the Service', 'pod-a', `http://${service}`] as const,
      ['from outside to the node port', 'client', `http://${nodePort}`] as const,
    ];
    for (const [name, where, url] of ways) {
      await this.#note(`TCP ${mebibytes} MiB ${name}`, async () => {
        const got = await this.output(where, 'sh', '-c', `curl -sf --max-time 300 ${url}/${mebibytes}MiB | sha256sum`);
        return got === `${sum}  -\n` && sum.length === 64 ? 'equal checksum' : `${got} and not ${sum}`;
      });
      await this.#note(`who asks ${name}`, async () => {
        const answer = await this.output(where, 'curl', '-sf', `${url}/`);
        return /"client":"([\d.]+)"/.exec(answer)?.[1] ?? answer;
      });
    }
  }

  async datagrams(pod: string): Promise<void> {
    const { mtu } = this.#options;
    const sizes = [1, 100, 1400, mtu - 29, mtu - 28, mtu - 27, 1472, 1473, 4000, 8000];
    const address = await this.#address(pod);
    await this.#note(`UDP 1 to 8000 to ${pod}`, async () => {
      const echo = this.#kubehop.start('exec', pod, '--', 'python3', '-u', '-c', UDP_ECHO);
      try {
        await new Promise<void>((resolve, reject) => {
          echo.process.stdout!.once('data', () => resolve());
          echo.process.once('exit', code => reject(new Error(`the echo of ${pod} ended with ${code}`)));
        });
        return await this.output('pod-a', 'python3', '-c', udpAsk(address, sizes));
      } finally {
        await echo.done;
      }
    });
  }

  async pings(pod: string): Promise<void> {
    const { mtu, quick } = this.#options;
    const sizes = quick === true ? [56, mtu - 28, mtu - 27, 1473, 8000] : [56, 1400, mtu - 28, mtu - 27, 1472, 1473, 2000, 8000, 8972];
    const address = await this.#address(pod);
    await this.#each(
      'pod-a',
      sizes.flatMap(size =>
        (['do', 'want', 'dont'] as const).map(
          df => [`ping ${size} ${df} ${pod}`, `ping -n -c 1 -W 2 -s ${size} -M ${df} ${address}`] as const,
        ),
      ),
    );
  }

  async traces(pod: string): Promise<void> {
    const address = await this.#address(pod);
    const trace = `traceroute -n -q 1 -w 2 -m 6`;
    await this.#each('pod-a', [
      [`tracepath ${pod}`, `tracepath -n ${address}`],
      ...(['-I', '-U', '-T -p 8080'] as const).map(how => [`traceroute ${how} ${pod}`, `${trace} ${how} ${address}`] as const),
    ]);
  }

  async tracesToServices(): Promise<void> {
    const { service, nodePort } = this.#options;
    const [node, port] = nodePort.split(':');
    const trace = 'traceroute -n -q 1 -w 2 -m 6';
    await this.#each('pod-a', [
      ['traceroute to the Service', `${trace} -T -p 80 ${service}`],
      ['tracepath to the client', `tracepath -n ${CLIENT}`],
    ]);
    await this.#each('client', [
      ['traceroute to the node port', `${trace} -T -p ${port} ${node}`],
      ['ping from outside', `ping -n -c 1 -W 2 -s 1473 -M do ${node}`],
    ]);
  }

  async #address(pod: string): Promise<string> {
    const known = this.#addresses.get(pod);
    if (known !== undefined) return known;
    const text = await this.output(pod, 'ip', '-4', '-o', 'address', 'show', 'eth0');
    const address = /inet ([\d.]+)\//.exec(text)?.[1];
    if (address === undefined) throw new Error(`no address of ${pod}: ${text}`);
    this.#addresses.set(pod, address);
    return address;
  }

  /** All in one process of the command line: on a slow machine that is what takes the time. */
  async #each(where: string, commands: readonly (readonly [name: string, command: string])[]): Promise<void> {
    const script = commands.map(([name, command]) => `echo '<<${name}>>'; date +%s%3N; ${command} 2>&1; date +%s%3N`).join('\n');
    for (const part of (await this.output(where, 'sh', '-c', script)).split(/^<</m).slice(1)) {
      const [, name, from, text, to] = /^(.*)>>\n(\d+)\n([\s\S]*?)(\d+)\n$/.exec(part) ?? [];
      this.seen.set(name ?? part, { text: steady(text ?? part), ms: Number(to) - Number(from) });
    }
  }

  async #note(name: string, work: () => Promise<string>): Promise<void> {
    const begun = performance.now();
    const text = await work();
    this.seen.set(name, { text, ms: performance.now() - begun });
  }
}
