/** Counters under the names of `conntrack -S` (`struct ip_conntrack_stat`), and why packets were found INVALID. */

export class Statistics {
  found = 0;
  invalid = 0;
  insert = 0;
  insertFailed = 0;
  drop = 0;
  earlyDrop = 0;
  error = 0;
  searchRestart = 0;
  clashResolve = 0;
  chainTooLong = 0;
}

/** Why conntrack gave a packet no entry. The words are those that `nf_conntrack_log_invalid` writes. */
export const Invalid = {
  None: 0,
  Fragment: 1,
  ShortPacket: 2,
  Malformed: 3,
  BadChecksum: 4,
  TcpFlags: 5,
  TcpNew: 6,
  TcpState: 7,
  TcpRst: 8,
  SeqOverUpper: 9,
  AckOverUpper: 10,
  IcmpType: 11,
  IcmpNew: 12,
  IcmpInnerShort: 13,
  IcmpNotRelated: 14,
  IcmpOuterDestination: 15,
  NotInvertible: 16,
  /** The next ones pass and keep their entry: counted because the kernel logs them too. */
  SeqUnderLower: 17,
  AckUnderLower: 18,
  Overshot: 19,
  Ignored: 20,
  ChallengeAck: 21,
} as const;
export type Invalid = (typeof Invalid)[keyof typeof Invalid];

export const invalidNames = [
  '',
  'fragment without reassembly',
  'short packet',
  'truncated/malformed packet',
  'bad checksum',
  'invalid tcp flag combination',
  'invalid new',
  'invalid state',
  'invalid rst',
  'SEQ is over upper bound (over the window of the receiver)',
  'ACK is over upper bound (ACKed data not seen yet)',
  'invalid icmp type',
  "icmp: can't create new conn with this type",
  'icmp: inner header cut off',
  'icmp: about no tracked connection',
  'outer daddr != inner',
  'tuple has no inverse',
  'SEQ is under lower bound (already ACKed data retransmitted)',
  'ignored ACK under lower bound (possible overly delayed)',
  'more bytes than expected',
  'packet ignored',
  'challenge-ack ignored',
] as const;
