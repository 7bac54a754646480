/**
 * Open vSwitch with its userspace datapath (`datapath_type=netdev`), connection tracking and NAT by `ct(nat)`: the neighbour to be beaten. Its
 * daemons live in the node's namespace with a database of their own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import type { BenchService, Transport } from '../rules/services.ts';
import { inNetns, installed, run, sysctl } from '../shell.ts';
import { type Bed, CLIENT, removeBed, SERVER } from '../wires/bed.ts';
import type { Plane, RuleTexts } from './plane.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const STARTS_WITHIN_MS = 20_000;

export const ovsInstalled = (): boolean => installed('ovs-vswitchd') && installed('ovsdb-server') && installed('ovs-ofctl');

export class OvsPlane implements Plane {
  readonly name = 'ovs';
  readonly bed: Bed;
  readonly #daemons: ChildProcess[];
  readonly #directory: string;

  private constructor(bed: Bed, daemons: ChildProcess[], directory: string) {
    this.bed = bed;
    this.#daemons = daemons;
    this.#directory = directory;
  }

  static async start(bed: Bed, { services, transport }: RuleTexts): Promise<OvsPlane> {
    sysctl(bed.node, { 'net.ipv4.ip_forward': 0 });
    // Without it an unfinished TCP checksum is as good as a wrong one: this datapath finishes none that it got from an interface.
    for (const host of [bed.client, bed.server]) run(inNetns(host, ['ethtool', '-K', 'eth0', 'tx', 'off']));
    const directory = join('/run', `${bed.node}-ovs`);
    mkdirSync(directory);
    const plane = new OvsPlane(bed, [], directory);
    try {
      const database = join(directory, 'conf.db');
      run(['ovsdb-tool', 'create', database, SCHEMA]);
      const socket = `unix:${join(directory, 'db.sock')}`;
      plane.#daemon(['ovsdb-server', database, `--remote=p${socket}`]);
      await plane.#until(() => run(plane.#inNode(['ovs-vsctl', `--db=${socket}`, '--no-wait', 'init'])));
      plane.#daemon(['ovs-vswitchd', socket, `--unixctl=${join(directory, 'ctl')}`]);
      plane.#vsctl(
        ...['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail_mode=secure'],
        ...['--', 'add-port', 'br0', 'west', '--', 'set', 'interface', 'west', 'ofport_request=1'],
        ...['--', 'add-port', 'br0', 'east', '--', 'set', 'interface', 'east', 'ofport_request=2'],
      );
      run(plane.#inNode(['ovs-ofctl', '-O', 'OpenFlow14', 'add-flows', join(directory, 'br0.mgmt'), '-']), flows(services, transport));
      return plane;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  #inNode(argv: readonly string[]): string[] {
    return inNetns(this.bed.node, ['env', `OVS_RUNDIR=${this.#directory}`, `OVS_LOGDIR=${this.#directory}`, ...argv]);
  }

  #daemon(argv: readonly string[]): void {
    const [tool, ...rest] = this.#inNode([...argv, '-vconsole:off', '-vsyslog:off']);
    this.#daemons.push(spawn(tool!, rest, { stdio: 'ignore' }));
  }

  #vsctl(...args: string[]): void {
    run(this.#inNode(['ovs-vsctl', `--db=unix:${join(this.#directory, 'db.sock')}`, '--timeout=20', ...args]));
  }

  async #until(ready: () => void): Promise<void> {
    const deadline = performance.now() + STARTS_WITHIN_MS;
    for (;;) {
      try {
        return ready();
      } catch (error) {
        if (!(error instanceof LabError) || performance.now() > deadline) throw error;
        await new Promise(resolve => setTimeout(resolve, 100));
      }
    }
  }

  async forget(): Promise<void> {
    run(this.#inNode(['ovs-appctl', '-t', join(this.#directory, 'ctl'), 'dpctl/flush-conntrack']));
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const gone = once(daemon, 'close');
      daemon.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
    removeBed(this.bed);
  }
}

/** Table 0 sends IPv4 through conntrack; 1 translates the first packet of a connection; 2 routes. */
function flows(services: readonly BenchService[], transport: Transport): string {
  const to = ({ address, mac, gatewayMac }: typeof CLIENT, port: number): string =>
    `table=2,ip,nw_dst=${address},actions=dec_ttl,mod_dl_src:${gatewayMac},mod_dl_dst:${mac},output:${port}`;
  return `${[
    'table=0,ip,actions=ct(table=1,nat)',
    ...services.map(
      s =>
        `table=1,priority=20,ct_state=+new+trk,${transport},nw_dst=${s.clusterIp},tp_dst=${s.port},actions=ct(commit,table=2,nat(dst=${s.endpoint}))`,
    ),
    'table=1,priority=10,ct_state=+inv+trk,actions=drop',
    'table=1,priority=5,ct_state=+new+trk,ip,actions=ct(commit,table=2)',
    'table=1,priority=5,ct_state=+est+trk,ip,actions=resubmit(,2)',
    to(CLIENT, 1),
    to(SERVER, 2),
  ].join('\n')}\n`;
}
