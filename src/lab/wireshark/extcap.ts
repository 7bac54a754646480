/**
 * What Wireshark is told of running labs (extcap(4)): interfaces, and the options of each. A lab as a whole, each of its nodes and each hop
 * is an interface of its own there. Pure text; the capture itself is `capture-command.ts`.
 */
import { hopFileName } from '../../capture/captured-frame.ts';
import { LinkType } from '../../capture/pcapng/format.ts';

export interface LabHops {
  /** `07`. */
  readonly lab: string;
  readonly hops: readonly HopWords[];
}
export interface HopWords {
  /** `node1/eth0`, `node1/prerouting`. */
  readonly name: string;
  readonly description: string;
  /** A point inside a userspace router, past any interface. */
  readonly hook: boolean;
}

export interface ExtcapInterface {
  /** What `-i` takes: letters, digits, `_`, `.` and `-`, so that it can stand in a file's name and in a preference's. */
  readonly value: string;
  readonly display: string;
  readonly lab: string;
  readonly hops: readonly HopWords[];
}

/** Of each lab: everything, node by node, hop by hop. */
export function extcapInterfaces(labs: readonly LabHops[]): ExtcapInterface[] {
  return labs.flatMap(({ lab, hops }) => {
    const value = `kubehop_${lab}`;
    const made: ExtcapInterface[] = [{ value, display: `kubehop lab ${lab}: all hops`, lab, hops }];
    for (const node of new Set(hops.filter(hop => hop.hook || hop.name.includes('/flannel')).map(hop => ownerOf(hop.name))))
      made.push({
        value: `${value}_${node}`,
        display: `kubehop lab ${lab}: all of ${node}`,
        lab,
        hops: hops.filter(hop => ownerOf(hop.name) === node),
      });
    for (const hop of hops)
      made.push({
        value: `${value}_${hopFileName(hop.name).replace(/\.pcapng$/, '')}`,
        display: `kubehop lab ${lab}: ${hop.name} (${hop.description})`,
        lab,
        hops: [hop],
      });
    return made;
  });
}

const ownerOf = (hop: string): string => hop.split('/')[0]!;

export function interfaceLines(version: string, interfaces: readonly ExtcapInterface[]): string[] {
  return [
    `extcap {version=${version}}{help=https://www.wireshark.org/docs/man-pages/extcap.html}`,
    ...interfaces.map(({ value, display }) => `interface {value=${value}}{display=${sentence(display)}}`),
  ];
}

/** All frames come with an Ethernet header; that of a hook is zeros. */
export const dltLines = (): string[] => [`dlt {number=${LinkType.Ethernet}}{name=EN10MB}{display=Ethernet}`];

/** Only an interface of several hops has something to choose. */
export function configLines({ hops }: ExtcapInterface): string[] {
  if (!hops.some(hop => hop.hook) || hops.every(hop => hop.hook)) return [];
  return [
    'arg {number=0}{call=--interfaces-only}{display=Interfaces only}{tooltip=Leave out the hooks of userspace nodes}{type=boolflag}{default=false}',
  ];
}

/** What `capture` is asked for. */
export const whereOf = ({ hops }: ExtcapInterface, interfacesOnly: boolean): string[] =>
  hops.filter(hop => !(interfacesOnly && hop.hook)).map(hop => hop.name);

/** Braces end a sentence's part (extcap(4) knows no escape). */
const sentence = (text: string): string => text.replace(/[{}\n]/g, ' ');
