/**
 * Services to be ruled: `count` of them with one endpoint each, of which the last is the one that the load asks for. It stands at the end
 * of the list, where a walk from the front comes last.
 */
import { formatIpv4 } from '../../base/address.ts';
import { SERVER, SERVER_PORT } from '../wires/bed.ts';

export type Transport = 'tcp' | 'udp';

export interface BenchService {
  readonly name: string;
  readonly clusterIp: string;
  readonly port: number;
  /** `ip:port` */
  readonly endpoint: string;
}

const FIRST_CLUSTER_IP = 0x0a60000a; // 10.96.0.10
const FIRST_POD = 0x0af48002; // 10.244.128.2: pods that are nowhere
export const SERVICE_PORT = 80;

export const clusterIp = (i: number): number => FIRST_CLUSTER_IP + i;

/** @param serverPort of the last Service's endpoint: a rule change sends it elsewhere */
export function services(count: number, serverPort = SERVER_PORT): BenchService[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `default/service-${i}:main`,
    clusterIp: formatIpv4(clusterIp(i)),
    port: SERVICE_PORT,
    endpoint: i === count - 1 ? `${SERVER.address}:${serverPort}` : `${formatIpv4(FIRST_POD + (i % 0x7000))}:${SERVER_PORT}`,
  }));
}
