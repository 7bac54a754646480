/**
 * Where the fields of an entry stand. An entry is 24 words of 32 bits in two columns, so that a look-up and everything a UDP or ICMP
 * packet needs touch one cache line of 64 bytes, and a TCP packet one half line more.
 *
 *     hot, 16 words                                          cold, 8 words (TCP windows, `tcp/window.ts`)
 *      0 original source        8 expires, ms                 0 original td_end      4 reply td_end
 *      1 original destination   9 mark                        1 td_maxend            5 td_maxend
 *      2 original ports        10 link                        2 td_maxwin            6 td_maxwin
 *      3 reply source          11 tcp flags                   3 td_maxack            7 td_maxack
 *      4 reply destination     12 tcp last
 *      5 reply ports           13 last_seq, or UDP stream_ts
 *      6 key                   14 last_ack
 *      7 status                15 last_end
 *
 * ports:     source port << 16 | destination port; ICMP: identifier << 16 | type << 8 | code
 * key:       protocol | zone id << 8 | zone directions << 24 | has counters << 26 | has timestamps << 27
 * status:    IPS_* bits | tcp state << 16 | masquerade interface << 20
 * tcp flags: original | reply << 8 | last_flags << 16 | original td_scale << 24 | reply td_scale << 28
 * tcp last:  last_win | retrans << 16 | last_index << 24 | last_dir << 27 | last_wscale << 28
 * link:      next in the list of the entry's source (`nat/by-source.ts`), or of free and of dying entries
 */
export const HOT = 4; // log2 of the words
export const COLD = 3;

export const SRC = 0;
export const DST = 1;
export const PORTS = 2;
/** What the reply tuple's words stand after the original's. */
export const REPLY = 3;
export const KEY = 6;
export const STATUS = 7;
export const EXPIRES = 8;
export const MARK = 9;
export const LINK = 10;
export const TCP_FLAGS = 11;
export const TCP_LAST = 12;
export const LAST_SEQ = 13;
export const LAST_ACK = 14;
export const LAST_END = 15;
export const STREAM_TS = 13;

export const KEY_TUPLE = 0x03ff_ffff; // protocol and zone
export const KEY_ACCT = 1 << 26;
export const KEY_TSTAMP = 1 << 27;
/** Zone id and directions as `Packet.zone` has them (id | directions << 16) move up by this many bits. */
export const KEY_ZONE_SHIFT = 8;

export const IPS_BITS = 0xffff;
export const STATE_SHIFT = 16;
export const STATE_MASK = 15 << STATE_SHIFT;
export const MASQ_SHIFT = 20;
export const MASQ_MASK = -1 << MASQ_SHIFT;
export const MAX_MASQ = 0xfff;

export const END = 0;
export const MAXEND = 1;
export const MAXWIN = 2;
export const MAXACK = 3;
/** What the reply direction's window words stand after the original's. */
export const COLD_REPLY = 4;

/** Zone id that counts in a direction (`nf_ct_zone_id`): 0, the default zone, where the zone was not given for it. */
export const zoneOf = (key: number, dir: number): number => ((key >>> (24 + dir)) & 1 ? (key >>> 8) & 0xffff : 0);
