/**
 * Where the fields of an entry stand: 24 words of 32 bits. What a look-up needs is in the first 64 bytes, and so is all that a UDP or
 * ICMP packet needs; the windows of TCP (`tcp/window.ts`) come behind.
 *
 *      0 original source        8 expires, ms                16 original td_end
 *      1 original destination   9 mark                       17 td_maxend
 *      2 original ports        10 link                       18 td_maxwin
 *      3 reply source          11 tcp flags                  19 td_maxack
 *      4 reply destination     12 tcp last                   20 reply td_end
 *      5 reply ports           13 last_seq, or UDP stream_ts 21 td_maxend
 *      6 key                   14 last_ack                   22 td_maxwin
 *      7 status                15 last_end                   23 td_maxack
 *
 * ports:     source port << 16 | destination port; ICMP: identifier << 16 | type << 8 | code
 * key:       protocol | zone id << 8 | zone directions << 24 | has counters << 26 | has timestamps << 27
 * status:    IPS_* bits | tcp state << 16 | masquerade interface << 20
 * tcp flags: original | reply << 8 | last_flags << 16 | original td_scale << 24 | reply td_scale << 28
 * tcp last:  last_win | retrans << 16 | last_index << 24 | last_dir << 27 | last_wscale << 28
 * link:      next in the list of the entry's source (`nat/by-source.ts`), or of free and of dying entries
 */
export const ENTRY = 24;

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

export const END = 16;
export const MAXEND = 17;
export const MAXWIN = 18;
export const MAXACK = 19;
/** What the reply direction's window words stand after the original's. */
export const TCP_REPLY = 4;

/** Zone id that counts in a direction (`nf_ct_zone_id`): 0, the default zone, where the zone was not given for it. */
export const zoneOf = (key: number, dir: number): number => ((key >>> (24 + dir)) & 1 ? (key >>> 8) & 0xffff : 0);
