/** netfilter/tcp-transitions: the pure table of states. */
import { nextState, TcpPacket, TcpState, tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import { defineSet, expectSame, failed } from '../set.ts';

export interface TransitionCase {
  readonly id: string;
  readonly dir: 'original' | 'reply';
  readonly packet: string;
  readonly from: string;
  readonly to: string;
}

const packets: Record<string, number> = {
  syn: TcpPacket.Syn,
  synack: TcpPacket.SynAck,
  fin: TcpPacket.Fin,
  ack: TcpPacket.Ack,
  rst: TcpPacket.Rst,
  none: TcpPacket.None,
};
const nameOf = (state: number): string =>
  state === TcpState.Invalid ? 'INVALID' : state === TcpState.Ignore ? 'IGNORE' : tcpStateNames[state]!;

export const tcpTransitions = defineSet<TransitionCase>('netfilter/tcp-transitions', c => {
  const from = (tcpStateNames as readonly string[]).indexOf(c.from);
  const packet = packets[c.packet];
  if (from < 0 || packet === undefined) return failed(`no such state or packet: ${c.from}, ${c.packet}`);
  return expectSame('next state', c.to, nameOf(nextState(c.dir === 'reply' ? 1 : 0, packet, from)));
});
