/** States of a TCP entry and what each packet does to them (`tcp_conntracks`, `net/netfilter/nf_conntrack_proto_tcp.c`). */
import { Flag } from '../../wire/tcp.ts';

/** TCP_CONNTRACK_*, in the kernel's numbers; they index the timeouts as well. */
export const TcpState = {
  None: 0,
  SynSent: 1,
  SynRecv: 2,
  Established: 3,
  FinWait: 4,
  CloseWait: 5,
  LastAck: 6,
  TimeWait: 7,
  Close: 8,
  SynSent2: 9,
  /** Not states: the packet is invalid, or passes without a change. */
  Invalid: 10,
  Ignore: 11,
} as const;

export const tcpStateNames = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

/** What a packet is, by RST, SYN, FIN and ACK (`enum tcp_bit_set`). */
export const TcpPacket = { Syn: 0, SynAck: 1, Fin: 2, Ack: 3, Rst: 4, None: 5 } as const;

const words: Record<string, number> = {
  NO: TcpState.None,
  SS: TcpState.SynSent,
  SR: TcpState.SynRecv,
  ES: TcpState.Established,
  FW: TcpState.FinWait,
  CW: TcpState.CloseWait,
  LA: TcpState.LastAck,
  TW: TcpState.TimeWait,
  CL: TcpState.Close,
  S2: TcpState.SynSent2,
  IV: TcpState.Invalid,
  IG: TcpState.Ignore,
};

const STATES = 10;
const PACKETS = 6;

/** Next state by direction, packet and state: see `nextState`. */
const table = Uint8Array.from(
  [
    // in state: NO SS SR ES FW CW LA TW CL S2
    'SS SS IG IG IG IG IG SS SS S2', // original, syn
    'IV IV SR IV IV IV IV IV IV SR', // synack
    'IV IV FW FW LA LA LA TW CL IV', // fin
    'ES IV ES ES CW CW TW TW CL IV', // ack
    'IV CL CL CL CL CL CL CL CL CL', // rst
    'IV IV IV IV IV IV IV IV IV IV', // none
    'IV S2 IV IV IV IV IV SS IV S2', // reply, syn
    'IV SR IG IG IG IG IG IG IG SR', // synack
    'IV IV FW FW LA LA LA TW CL IV', // fin
    'IV IG SR ES CW CW TW TW CL IG', // ack
    'IV CL CL CL CL CL CL CL CL CL', // rst
    'IV IV IV IV IV IV IV IV IV IV', // none
  ].flatMap(row => row.split(' ').map(word => words[word]!)),
);

export const nextState = (dir: number, packet: number, state: number): number => table[(dir * PACKETS + packet) * STATES + state]!;

/** Packet class by the low six flag bits. */
const classes = Uint8Array.from({ length: 64 }, (_, flags) => {
  if (flags & Flag.Rst) return TcpPacket.Rst;
  if (flags & Flag.Syn) return flags & Flag.Ack ? TcpPacket.SynAck : TcpPacket.Syn;
  if (flags & Flag.Fin) return TcpPacket.Fin;
  return flags & Flag.Ack ? TcpPacket.Ack : TcpPacket.None;
});
export const packetClass = (flags: number): number => classes[flags & 63]!;

/** Flag combinations that a host may send; PSH, ECE and CWR do not count (`tcp_valid_flags`). */
const { Fin, Syn, Rst, Ack, Urg } = Flag;
const valid = new Uint8Array(64);
for (const flags of [Syn, Syn | Urg, Syn | Ack, Rst, Rst | Ack, Fin | Ack, Fin | Ack | Urg, Ack, Ack | Urg]) {
  valid[flags] = 1;
  valid[flags | Flag.Psh] = 1;
}
export const validFlags = (flags: number): boolean => valid[flags & 63] !== 0;

/** May an entry in this state be evicted although it is assured (`tcp_can_early_drop`)? */
export const isClosing = (state: number): boolean => state >= TcpState.FinWait && state <= TcpState.Close;
