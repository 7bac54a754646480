/** What the reference keeps of each end of a TCP connection, and whether a segment is in the window that the other end has opened. */
import { after, before, type Given, u32 } from './reference-packet.ts';

export interface End {
  end: number;
  maxEnd: number;
  maxWindow: number;
  maxAck: number | null;
  scale: number;
  hasScale: boolean;
  sackPermitted: boolean;
  closed: boolean;
  liberal: boolean;
  unacknowledged: boolean;
}
export interface Last {
  kind: string;
  reply: boolean;
  seq: number;
  ack: number;
  end: number;
  window: number;
  repeats: number;
  synScale: number | null;
  synSack: boolean;
  challenge: boolean;
}
export interface Entry {
  state: string;
  ends: [End, End];
  last: Last;
  simultaneous: boolean;
  replied: boolean;
  assured: boolean;
  confirmed: boolean;
  until: number;
}

export const fresh = (): End => ({
  end: 0,
  maxEnd: 0,
  maxWindow: 0,
  maxAck: null,
  scale: 0,
  hasScale: false,
  sackPermitted: false,
  closed: false,
  liberal: false,
  unacknowledged: false,
});

export function hasOptions(g: Given): boolean {
  return g.options.scale !== undefined || g.options.sackPermitted === true || (g.options.sack?.length ?? 0) > 0;
}

export function announce(end: End, g: Given): void {
  if (!hasOptions(g)) return;
  end.hasScale = g.options.scale !== undefined;
  end.scale = Math.min(g.options.scale ?? 0, 14);
  end.sackPermitted = g.options.sackPermitted ?? false;
  end.closed = false;
  end.unacknowledged = false;
  end.maxAck = null;
}

export function restart(mine: End, peer: End, g: Given, end: number): void {
  const maxAck = mine.maxAck;
  mine.end = end;
  mine.maxEnd = end;
  mine.maxWindow = Math.max(g.window, 1);
  announce(mine, g);
  if (!hasOptions(g)) mine.maxAck = maxAck;
  if (g.reply && !(mine.hasScale && peer.hasScale)) {
    mine.scale = 0;
    peer.scale = 0;
  }
}

export function inWindow(e: Entry, g: Given, kind: string, packetEnd: number): 'accept' | 'ignore' | 'invalid' {
  const mine = e.ends[g.reply ? 1 : 0];
  const peer = e.ends[g.reply ? 0 : 1];
  const syn = g.flags.includes('S');
  const hasAck = g.flags.includes('A');
  const rst = g.flags.includes('R');
  let seq = u32(g.seq);
  let ack = u32(g.ack);
  let end = packetEnd;
  let sack = ack;
  if (peer.sackPermitted) for (const [, right] of g.options.sack ?? []) if (after(right, sack)) sack = u32(right);
  if (mine.maxWindow === 0) {
    if (syn) {
      restart(mine, peer, g, end);
      if (!hasAck) return 'accept';
    } else {
      mine.end = end;
      mine.maxWindow = Math.max(g.window * 2 ** mine.scale, 1);
      mine.maxEnd = u32(end + mine.maxWindow);
      if (peer.maxWindow === 0) {
        peer.end = sack;
        peer.maxEnd = sack;
      } else if (sack === u32(peer.end + 1)) {
        peer.end = sack;
      }
    }
  } else if (syn && after(end, mine.end) && (e.state === 'SYN_SENT' || e.state === 'SYN_RECV')) {
    restart(mine, peer, g, end);
    if (g.reply && !hasAck) return 'accept';
  }
  if (!hasAck || (rst && ack === 0)) {
    ack = peer.end;
    sack = ack;
  }
  if (rst && seq === 0 && e.state === 'SYN_SENT') {
    seq = mine.end;
    end = seq;
  }
  const backlog = Math.max(mine.maxWindow, 66_000);
  const dataNotOld = after(end, u32(mine.end - peer.maxWindow - 1));
  const ackNotOld = after(sack, u32(peer.end - backlog - 1));
  if (!before(seq, u32(mine.maxEnd + 1))) {
    const over = u32(end - mine.maxEnd + 1);
    if (peer.maxWindow !== 0 && dataNotOld && ackNotOld && over <= peer.maxWindow && before(sack, u32(peer.end + 1))) {
      mine.end = end;
      mine.unacknowledged = true;
      return mine.liberal ? 'accept' : 'ignore';
    }
    return mine.liberal ? 'accept' : 'invalid';
  }
  if (!before(sack, u32(peer.end + 1))) return mine.liberal ? 'accept' : 'invalid';
  if (peer.maxWindow !== 0 && !dataNotOld) return mine.liberal ? 'accept' : 'ignore';
  if (!ackNotOld) return mine.liberal ? 'accept' : 'ignore';

  const window = syn ? g.window : g.window * 2 ** mine.scale;
  mine.maxWindow = Math.max(mine.maxWindow, u32(window + u32(sack - ack)));
  if (after(end, mine.end)) {
    mine.end = end;
    mine.unacknowledged = true;
  }
  if (hasAck && (mine.maxAck === null || after(ack, mine.maxAck))) mine.maxAck = ack;
  if (peer.maxWindow !== 0 && after(end, mine.maxEnd)) peer.maxWindow += u32(end - mine.maxEnd);
  if (after(u32(sack + window), u32(peer.maxEnd - 1))) peer.maxEnd = u32(sack + window + (window === 0 ? 1 : 0));
  if (ack === peer.end) peer.unacknowledged = false;
  if (kind === 'ack') {
    const l = e.last;
    if (l.reply === g.reply && l.seq === seq && l.ack === ack && l.end === end && l.window === g.window) l.repeats++;
    else Object.assign(l, { reply: g.reply, seq, ack, end, window: g.window, repeats: 0 });
  }
  return 'accept';
}
