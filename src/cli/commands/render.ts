/** `kubehop render`: the text that kube-proxy would give to iptables-restore on a node, from objects alone: those of files, or of a cluster. No root. */
import { homedir } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { LabError } from '../../base/errors.ts';
import { type IpFamily, parseIp, parseNetwork } from '../../base/ip.ts';
import { readCluster } from '../../cluster/client/cluster-objects.ts';
import { readKubeconfig, usualKubeconfigs } from '../../cluster/client/kubeconfig.ts';
import { type ReadObjects, readErrors, readObjects } from '../../cluster/objects/read.ts';
import type { ClusterObject, Node } from '../../cluster/objects/types.ts';
import {
  DEFAULT_MASQUERADE_BIT,
  DEFAULT_VERSION,
  dialectOf,
  dialects,
  type LocalDetector,
  markText,
  type ProxyConfig,
} from '../../proxy/iptables/config.ts';
import { countersIn, diffRules } from '../../proxy/iptables/diff.ts';
import { fullText } from '../../proxy/iptables/full-text.ts';
import { restoreText } from '../../proxy/iptables/restore.ts';
import { ruleText } from '../../proxy/iptables/rule-text.ts';
import { nodeConfig, type Rendered, renderRules } from '../../proxy/render.ts';
import type { Define } from '../commands.ts';
import { Exit, type Io } from '../io.ts';
import { readText } from '../read-text.ts';

interface Options {
  objects: string[];
  kubeconfig?: string | true;
  context?: string;
  node: string;
  mode: string;
  family: IpFamily;
  kubernetes: string;
  address: string[];
  clusterCidr?: string;
  podInterface?: string;
  masqueradeAll?: boolean;
  masqueradeBit: number;
  nodeportAddresses: string[];
  localhostNodeports: boolean;
  tcpBeLiberal?: boolean;
  randomFully: boolean;
  counter: string[];
  full?: boolean;
  explain?: boolean;
  diff?: string;
  json?: boolean;
}

const HELP = `
An object that is not valid is said with every cause and left out; the others are rendered, and the command ends with 2.

Examples:
  kubehop render --kubeconfig ~/.kube/config --node node1 --cluster-cidr 10.244.0.0/16
  kubectl get services,endpointslices,nodes -A -o json | kubehop render --objects - --node node1 --cluster-cidr 10.244.0.0/16
  kubehop render --objects web.yaml --node node1 --explain
  ssh node1 sudo iptables-save | kubehop render --objects cluster.json --node node1 --cluster-cidr 10.244.0.0/16 --diff -`;

export const define: Define = (command, io) => {
  command
    .option('--objects <FILE>', 'Services, EndpointSlices and Nodes, YAML or JSON, lists too; - is stdin; may be given again', gather, [])
    .option(
      '--kubeconfig [FILE]',
      'or those of a cluster, which is read and never written; without FILE: the files of $KUBECONFIG together, or ~/.kube/config',
    )
    .option('--context <NAME>', 'of the kubeconfig, in place of its current one')
    .requiredOption('--node <NAME>', 'the node whose rules they are')
    .option('--mode <MODE>', 'mode of kube-proxy', mode, 'iptables')
    .option('--family <FAMILY>', 'ipv4 or ipv6', family, 'IPv4' as IpFamily)
    .option('--kubernetes <VERSION>', `release whose words are written: ${Object.keys(dialects).join(', ')}`, DEFAULT_VERSION)
    .option('--address <ADDRESS>', 'another address of the node; may be given again', gather, [])
    .option('--cluster-cidr <CIDR>', 'addresses of pods: who has another one is masqueraded')
    .option('--pod-interface <NAME>', 'or how their interfaces are called: cni0, or veth+ for all that begin so')
    .option('--masquerade-all', 'everything that goes to a cluster IP is masqueraded')
    .option('--masquerade-bit <N>', 'bit of the mark', bit, DEFAULT_MASQUERADE_BIT)
    .option('--nodeport-addresses <CIDR>', 'only these addresses of the node take node ports; may be given again', gather, [])
    .option('--no-localhost-nodeports', 'node ports do not answer at 127.0.0.1')
    .option('--tcp-be-liberal', 'nf_conntrack_tcp_be_liberal is set on the node')
    .option('--no-random-fully', 'the node has an iptables without --random-fully')
    .option('--counter <NAME>', 'an accounting object (nfacct) of the node; may be given again; with --diff, those it names', gather, [])
    .option('--full', 'also the built-in chains with the jumps from them, and the canaries')
    .option('--explain', 'above each rule the object and field that cause it')
    .option('--diff <FILE>', "compare with the node's iptables-save: what is missing, extra, stale; - is stdin")
    .option('--json', 'the differences, or the rules with their origins, as data')
    .addHelpText('after', HELP)
    .action(async (o: Options) => {
      if (o.objects.length === 0 && o.kubeconfig === undefined && o.context === undefined)
        throw new LabError('BAD_INPUT', 'say where the objects are: --objects FILE, or --kubeconfig FILE');
      if (o.diff === '-' && o.objects.includes('-')) throw new LabError('BAD_INPUT', 'only one of --objects and --diff can be stdin');
      const { objects, bad } = gatherObjects([...readFiles(o.objects), ...(await readFromCluster(o, io))], io);
      const saved = o.diff === undefined ? undefined : readText(o.diff);
      const counters = o.counter.length > 0 || saved === undefined ? o.counter : countersIn(saved);
      const rendered = renderRules(objects, configOf(o, objects, io), counters);
      for (const line of rendered.log) warn(io, line);
      if (bad) io.exitCode = Exit.Usage;
      if (saved !== undefined) compare(rendered, saved, o, io);
      else if (o.json) io.printJson(asData(rendered));
      else io.write(o.full ? fullText(rendered.state, o.explain) : restoreText(rendered.restore, o.explain));
    });
};

const gather = (value: string, before: string[]): string[] => [...before, value];
const warn = (io: Io, line: string): void => io.progress(`${io.paintErr('yellow', 'warning:')} ${line}`);

function mode(text: string): string {
  if (text !== 'iptables') throw new InvalidArgumentError('iptables is the mode that can be rendered');
  return text;
}
function family(text: string): IpFamily {
  if (/^(ipv)?4$/i.test(text)) return 'IPv4';
  if (/^(ipv)?6$/i.test(text)) return 'IPv6';
  throw new InvalidArgumentError('ipv4 or ipv6');
}
function bit(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 31) throw new InvalidArgumentError('a bit from 0 to 31');
  return Number(text);
}

interface Source extends ReadObjects {
  readonly name: string;
}

const readFiles = (files: readonly string[]): Source[] =>
  files.map(file => {
    const name = file === '-' ? 'stdin' : file;
    return { name, ...readObjects(readText(file), name) };
  });

async function readFromCluster({ kubeconfig, context }: Options, io: Io): Promise<Source[]> {
  if (kubeconfig === undefined && context === undefined) return [];
  const access = readKubeconfig(typeof kubeconfig === 'string' ? kubeconfig : usualKubeconfigs(process.env, homedir()), context);
  if (access.insecure) warn(io, `${access.server.host}: insecure-skip-tls-verify: whoever answers there is believed`);
  const name = access.server.host;
  io.progress(`reading from ${name}, context ${access.context}`);
  return (await readCluster(access)).map(page => ({ name, ...page }));
}

/** A Service that is not valid is left out; of an EndpointSlice only what cannot be used. */
function gatherObjects(sources: readonly Source[], io: Io): { objects: ClusterObject[]; bad: boolean } {
  const objects: ClusterObject[] = [];
  let bad = false;
  for (const { name, objects: found, otherKinds, problems } of sources) {
    for (const line of problems) io.progress(`${io.paintErr('red', 'error:')} ${line}`);
    bad ||= problems.length > 0;
    for (const read of found) {
      for (const line of readErrors(read)) io.progress(`${io.paintErr('red', 'error:')} ${line}`);
      bad ||= read.errors.length > 0;
      if (read.errors.length === 0 || read.object.kind === 'EndpointSlice') objects.push(read.object);
    }
    for (const [kind, count] of otherKinds) io.progress(`${name}: ${count} of kind ${kind} passed over`);
  }
  return { objects, bad };
}

function configOf(o: Options, objects: readonly ClusterObject[], io: Io): ProxyConfig {
  const nodes = objects.filter((x): x is Node => x.kind === 'Node');
  const node = nodes.find(n => n.metadata.name === o.node);
  if (node === undefined && nodes.length > 0)
    throw new LabError(
      'BAD_INPUT',
      `there is no Node "${o.node}" among the objects: there are ${nodes.map(n => n.metadata.name).join(', ')}`,
    );
  if (node === undefined) warn(io, `no Node "${o.node}" among the objects: its addresses and its zone are not known`);
  const bare: Node = { kind: 'Node', metadata: { name: o.node, namespace: '' }, spec: {}, status: { addresses: [] } };
  const known = nodeConfig(node ?? bare, o.family);
  const more = o.address.map(text => {
    const ip = parseIp(text);
    if (ip === undefined) throw new LabError('ADDRESS', `--address: not an address: "${text}"`);
    return ip;
  });
  for (const range of o.nodeportAddresses) network('--nodeport-addresses', range);
  const own = more.filter(ip => ip.family === o.family);
  return {
    ...known,
    nodeIp: known.nodeIp ?? own[0],
    localIps: [...known.localIps, ...own],
    family: o.family,
    masqueradeAll: o.masqueradeAll ?? false,
    masqueradeMark: markText(o.masqueradeBit),
    localDetector: detectorOf(o),
    localhostNodePorts: o.localhostNodeports && o.family === 'IPv4',
    nodePortAddresses: o.nodeportAddresses,
    conntrackTcpLiberal: o.tcpBeLiberal ?? false,
    randomFully: o.randomFully,
    loadBalancerIPMode: true,
    dialect: dialectOf(o.kubernetes),
  };
}

function network(option: string, text: string): void {
  if (parseNetwork(text) === undefined) throw new LabError('ADDRESS', `${option}: not a network: "${text}"`);
}

function detectorOf({ clusterCidr, podInterface, family }: Options): LocalDetector {
  if (clusterCidr !== undefined && podInterface !== undefined)
    throw new LabError('BAD_INPUT', 'pods are known either by --cluster-cidr or by --pod-interface');
  if (podInterface !== undefined)
    return podInterface.endsWith('+')
      ? { kind: 'interfacePrefix', prefix: podInterface.slice(0, -1) }
      : { kind: 'bridge', name: podInterface };
  // One of each family, as kube-proxy takes it.
  const cidrs = clusterCidr?.split(',') ?? [];
  for (const cidr of cidrs) network('--cluster-cidr', cidr);
  const cidr = cidrs.find(c => parseNetwork(c)!.family === family);
  return cidr === undefined ? { kind: 'none' } : { kind: 'cidr', cidr };
}

function compare({ state, ports }: Rendered, saved: string, o: Options, io: Io): void {
  const lines = diffRules(state, o.family, ports, saved);
  if (lines.length > 0 && io.exitCode === Exit.Well) io.exitCode = Exit.Different;
  if (o.json) {
    io.printJson(lines);
    return;
  }
  const colours = { missing: 'red', extra: 'yellow', stale: 'blue', order: 'cyan' } as const;
  for (const { kind, table, text, origin } of lines)
    io.print(`${io.paint(colours[kind], kind.padEnd(7))} ${table.padEnd(6)} ${text}${origin === undefined ? '' : `  # ${origin}`}`);
  const count = (kind: string): number => lines.filter(l => l.kind === kind).length;
  io.progress(`${count('missing')} missing, ${count('extra')} extra, ${count('stale')} stale, ${count('order')} out of order`);
}

const asData = ({ restore }: Rendered) =>
  [restore.filter, restore.nat].map(({ table, chains, rules, tail }) => ({
    table,
    chains,
    rules: [...rules, ...tail].map(r => ({ chain: r.chain, text: ruleText(r), object: r.origin.object, field: r.origin.field })),
  }));
