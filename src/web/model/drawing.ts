/** Where everything of a lab stands in the drawing: clients and upstream on top, the node network, nodes, their pods below. */
import type { Place } from '../report-data.ts';

export interface Box {
  kind: Place['role'] | 'hook' | 'port';
  label: string;
  note: string;
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Point {
  x: number;
  y: number;
  /** The packet is drawn so much higher: what stands here is to be read. */
  lift?: number;
}
export interface Drawing {
  width: number;
  height: number;
  boxes: Box[];
  wires: [Point, Point][];
  /** Where a packet is when a hop sees it. */
  points: Map<string, Point>;
}

const NODE = { width: 184, height: 138, gap: 12 } as const;
const LEAF = { width: 112, height: 40 } as const;
const POD = { height: 40, least: 84 } as const;
const PORT = { least: 70, gap: 6 } as const;
const TOP = 4;
const LAN_Y = 74;
const LAN_HEIGHT = 18;
const NODE_Y = 128;
const POD_Y = NODE_Y + NODE.height + 26;

export function drawingOf(places: readonly Place[]): Drawing {
  const of = (role: Place['role']) => places.filter(p => p.role === role);
  const nodes = of('node').map(node => ({ node, pods: of('pod').filter(pod => pod.on === node.name) }));
  const widths = nodes.map(({ node, pods }) => Math.max(nodeWidth(node), pods.length * (POD.least + 6) - 6));
  const top = [...of('client').filter(p => p.on === 'upstream'), ...of('upstream'), ...of('client').filter(p => p.on !== 'upstream')];
  const nodesWidth = widths.reduce((sum, w) => sum + w + NODE.gap, -NODE.gap);
  const topWidth = top.length * (LEAF.width + 28) - 28;
  const width = Math.max(nodesWidth, topWidth, 300) + 8;
  const drawing: Drawing = { width, height: 0, boxes: [], wires: [], points: new Map() };
  const lans = of('switch');
  drawTop(drawing, top, (width - topWidth) / 2, lans.length > 0);
  drawLans(
    drawing,
    lans,
    nodes.map(n => n.node),
  );
  let x = (width - nodesWidth) / 2;
  for (const [i, { node, pods }] of nodes.entries()) {
    drawNode(drawing, node, x + (widths[i]! - nodeWidth(node)) / 2);
    drawPods(drawing, node, pods, x, widths[i]!);
    x += widths[i]! + NODE.gap;
  }
  drawing.height = nodes.some(n => n.pods.length > 0) ? POD_Y + POD.height + 4 : NODE_Y + NODE.height + 14;
  return drawing;
}

/** The line of a packet's way: along the node network from wire to wire, and straight otherwise. */
export function wayOf({ points, boxes }: Drawing, hops: readonly string[]): Point[] {
  const lans = new Set(boxes.filter(box => box.kind === 'switch').map(box => box.label));
  return hops.flatMap((hop, i) => {
    const here = points.get(hop);
    if (here === undefined) return [];
    const before = points.get(hops[i - 1] ?? '');
    // From a client to upstream beside it, or back: level, then down into it.
    if (before !== undefined && before.y !== here.y && Math.max(before.y, here.y) < LAN_Y)
      return [{ x: before.y > here.y ? before.x : here.x, y: Math.min(before.y, here.y) }, here];
    if (!lans.has(hop)) return [here];
    const beside = [hops[i - 1], hops[i + 1]].flatMap(name => points.get(name ?? '') ?? []);
    const xs = beside.map(({ x }) => x);
    if (i === 0) xs.unshift(here.x);
    if (i === hops.length - 1) xs.push(here.x);
    return xs.map(x => ({ x, y: here.y }));
  });
}

const portsBelow = (node: Place): string[] => node.hops.map(short).filter(name => name !== 'eth0');
const nodeWidth = (node: Place): number => Math.max(NODE.width, portsBelow(node).length * (PORT.least + PORT.gap) + PORT.gap);

const short = (hop: string): string => hop.slice(hop.indexOf('/') + 1);

function drawTop(d: Drawing, top: readonly Place[], left: number, hasLan: boolean): void {
  const upstream = top.findIndex(p => p.role === 'upstream');
  for (const [i, place] of top.entries()) {
    const x = left + i * (LEAF.width + 28);
    const middle = { x: x + LEAF.width / 2, y: TOP + LEAF.height };
    d.boxes.push({ kind: place.role, label: place.name, note: place.address ?? '', x, y: TOP, ...LEAF });
    for (const hop of place.hops) d.points.set(hop, middle);
    if (place.on === 'upstream' && upstream >= 0) {
      const y = TOP + LEAF.height / 2;
      for (const hop of place.hops) d.points.set(hop, { x: x + LEAF.width, y });
      d.wires.push([
        { x: x + LEAF.width, y },
        { x: left + upstream * (LEAF.width + 28), y },
      ]);
    } else d.wires.push([middle, { x: middle.x, y: hasLan ? LAN_Y : NODE_Y }]);
  }
}

/** Each over the nodes that hang on it. */
function drawLans(d: Drawing, lans: readonly Place[], nodes: readonly Place[]): void {
  const share = d.width / Math.max(1, nodes.length);
  for (const lan of lans) {
    const own = nodes.flatMap((node, i) => (node.on === lan.name || lans.length === 1 ? [i] : []));
    const x = (own[0] ?? 0) * share + 4;
    const width = Math.max(1, own.length) * share - 8;
    d.boxes.push({ kind: 'switch', label: lan.name, note: lan.address ?? '', x, y: LAN_Y, width, height: LAN_HEIGHT });
    for (const hop of lan.hops) d.points.set(hop, { x: x + width / 2, y: LAN_Y + LAN_HEIGHT / 2 });
  }
}

/** The hooks as netfilter passes them; interfaces at the edge. */
function drawNode(d: Drawing, node: Place, x: number): void {
  const all = nodeWidth(node);
  const side = (all - NODE.width) / 2;
  const middle = x + all / 2;
  d.boxes.push({ kind: 'node', label: node.name, note: node.address ?? '', x, y: NODE_Y, width: all, height: NODE.height });
  const part = (kind: 'hook' | 'port', label: string, left: number, y: number, width: number) => {
    d.boxes.push({ kind, label, note: '', x: x + left, y, width, height: 20 });
    d.points.set(`${node.name}/${label}`, { x: x + left + width / 2, y: y + 10, lift: 10 });
  };
  d.wires.push([
    { x: middle, y: LAN_Y + LAN_HEIGHT },
    { x: middle, y: NODE_Y },
  ]);
  const row = NODE_Y + 40;
  part('hook', 'prerouting', side + 6, row, 83);
  part('hook', 'postrouting', side + 95, row, 83);
  part('hook', 'input', side + 6, row + 28, 53);
  part('hook', 'forward', side + 65, row + 28, 54);
  part('hook', 'output', side + 125, row + 28, 53);
  part('port', 'eth0', side + 64, NODE_Y - 10, 56);
  const below = portsBelow(node);
  const width = (all - 2 * PORT.gap - PORT.gap * (below.length - 1)) / Math.max(1, below.length);
  for (const [i, name] of below.entries()) part('port', name, PORT.gap + i * (width + PORT.gap), NODE_Y + NODE.height - 10, width);
}

function drawPods(d: Drawing, node: Place, pods: readonly Place[], left: number, width: number): void {
  const each = (width - 6 * (pods.length - 1)) / Math.max(1, pods.length);
  for (const [i, pod] of pods.entries()) {
    const x = left + i * (each + 6);
    const end = { x: x + each / 2, y: POD_Y };
    d.boxes.push({ kind: 'pod', label: pod.name, note: pod.address ?? '', x, y: POD_Y, width: each, height: POD.height });
    const port = node.hops.find(hop => hop === `${node.name}/cni0` || hop.endsWith(`-${pod.name}`));
    const from = d.points.get(port ?? '') ?? { x: left + width / 2, y: NODE_Y + NODE.height - 10 };
    d.wires.push([{ x: from.x, y: from.y + 10 }, end]);
    for (const hop of pod.hops) d.points.set(hop, end);
  }
}
