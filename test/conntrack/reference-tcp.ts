/** TCP of the reference: the state of an entry, and what a packet does to it. */
import { before, type Given, type Outcome, u32 } from './reference-packet.ts';
import { announce, type End, type Entry, fresh, inWindow, type Last } from './reference-window.ts';

const seconds: Record<string, number> = {
  SYN_SENT: 120,
  SYN_RECV: 60,
  ESTABLISHED: 432_000,
  FIN_WAIT: 120,
  CLOSE_WAIT: 60,
  LAST_ACK: 30,
  TIME_WAIT: 120,
  CLOSE: 10,
  SYN_SENT2: 120,
};
const RETRANS = 300;
const UNACKNOWLEDGED = 300;

const kindOf = (flags: string): string => {
  if (flags.includes('R')) return 'rst';
  if (flags.includes('S')) return flags.includes('A') ? 'synack' : 'syn';
  if (flags.includes('F')) return 'fin';
  return flags.includes('A') ? 'ack' : 'none';
};

/** What a packet makes of a state; '!' is invalid, '-' passes and changes nothing. */
function next(kind: string, reply: boolean, s: string): string {
  if (kind === 'none') return '!';
  if (kind === 'rst') return s === 'NONE' ? '!' : 'CLOSE';
  if (kind === 'fin') {
    if (['NONE', 'SYN_SENT', 'SYN_SENT2'].includes(s)) return '!';
    if (['SYN_RECV', 'ESTABLISHED'].includes(s)) return 'FIN_WAIT';
    return ['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'].includes(s) ? 'LAST_ACK' : s;
  }
  if (kind === 'ack') {
    if (s === 'NONE') return reply ? '!' : 'ESTABLISHED';
    if (s === 'SYN_SENT' || s === 'SYN_SENT2') return reply ? '-' : '!';
    if (s === 'SYN_RECV') return reply ? 'SYN_RECV' : 'ESTABLISHED';
    if (s === 'FIN_WAIT' || s === 'CLOSE_WAIT') return 'CLOSE_WAIT';
    return s === 'LAST_ACK' ? 'TIME_WAIT' : s;
  }
  if (kind === 'synack') {
    if (reply) return s === 'NONE' ? '!' : s === 'SYN_SENT' || s === 'SYN_SENT2' ? 'SYN_RECV' : '-';
    return s === 'SYN_RECV' || s === 'SYN_SENT2' ? 'SYN_RECV' : '!';
  }
  if (reply) {
    if (s === 'SYN_SENT' || s === 'SYN_SENT2') return 'SYN_SENT2';
    return s === 'TIME_WAIT' ? 'SYN_SENT' : '!';
  }
  if (s === 'SYN_SENT2') return 'SYN_SENT2';
  return ['NONE', 'SYN_SENT', 'TIME_WAIT', 'CLOSE'].includes(s) ? 'SYN_SENT' : '-';
}

const possible = ['S', 'SU', 'SA', 'R', 'RA', 'FA', 'FAU', 'A', 'AU'].map(f => [...f].sort().join(''));

export class ReferenceTcp {
  entry: Entry | undefined;
  /** Which end began it: the tuple of the original direction. */
  #reversed = false;

  packet(given: Given): Outcome {
    for (;;) {
      if (this.entry && this.entry.until <= given.now) this.entry = undefined;
      if (!this.entry) this.#reversed = given.reply;
      const result = this.#one({ ...given, reply: given.reply !== this.#reversed });
      if (result !== 'again') return result;
      this.entry = undefined;
    }
  }

  #one(g: Given): Outcome | 'again' {
    const flags = [...g.flags]
      .filter(f => f !== 'P')
      .sort()
      .join('');
    const seen = (info: Outcome['info']): Outcome => {
      const e = this.entry;
      return e ? { info, state: e.state, left: e.until - g.now, assured: e.assured, replied: e.replied } : { info };
    };
    if (!possible.includes(flags)) return seen('invalid');
    const kind = kindOf(g.flags);
    const syn = g.flags.includes('S');
    const end = u32(g.seq + g.length + (syn ? 1 : 0) + (g.flags.includes('F') ? 1 : 0));
    let e = this.entry;
    if (!e) {
      const state = next(kind, false, 'NONE');
      if (state === '!') return seen('invalid');
      const ends: [End, End] = [fresh(), fresh()];
      ends[0].end = end;
      ends[0].maxWindow = Math.max(g.window, 1);
      if (state === 'SYN_SENT') {
        ends[0].maxEnd = end;
        announce(ends[0], g);
      } else {
        ends[0].maxEnd = u32(end + ends[0].maxWindow);
        for (const x of ends) {
          x.sackPermitted = true;
          x.liberal = true;
        }
      }
      const last: Last = {
        kind: 'none',
        reply: false,
        seq: 0,
        ack: 0,
        end: 0,
        window: 0,
        repeats: 0,
        synScale: null,
        synSack: false,
        challenge: false,
      };
      e = {
        state: 'NONE',
        ends,
        last,
        simultaneous: false,
        replied: false,
        assured: false,
        confirmed: false,
        until: Number.POSITIVE_INFINITY,
      };
      const outcome = this.#step(e, g, kind, end);
      if (outcome === 'invalid') return seen('invalid');
      this.entry = e;
      e.confirmed = true;
      return seen('new');
    }
    const replied = e.replied;
    const outcome = this.#step(e, g, kind, end);
    if (outcome === 'again') return 'again';
    if (outcome === 'invalid') return seen('invalid');
    if (outcome === 'gone') {
      this.entry = undefined;
      return { info: g.reply ? 'established-reply' : replied ? 'established' : 'new' };
    }
    if (g.reply) {
      e.replied = true;
      return seen('established-reply');
    }
    return seen(replied ? 'established' : 'new');
  }

  #step(e: Entry, g: Given, kind: string, end: number): 'pass' | 'invalid' | 'again' | 'gone' {
    let old = e.state;
    let state = next(kind, g.reply, old);
    let check = true;
    const last = e.last;
    const mine = e.ends[g.reply ? 1 : 0];
    const peer = e.ends[g.reply ? 0 : 1];
    if (state === 'SYN_SENT' && (old === 'TIME_WAIT' || old === 'CLOSE')) {
      if (mine.closed || peer.closed || (last.reply === g.reply && last.kind === 'rst')) return 'again';
      state = '-';
    }
    if (state === '-') {
      if (!(kind === 'synack' && last.kind === 'syn' && last.reply !== g.reply && u32(g.ack) === last.end))
        return this.#let(e, g, kind, end, old);
      old = 'SYN_SENT';
      state = 'SYN_RECV';
      peer.end = last.end;
      peer.maxEnd = last.end;
      peer.maxWindow = Math.max(last.window, 1);
      peer.hasScale = last.synScale !== null;
      peer.scale = last.synScale ?? 0;
      peer.sackPermitted = last.synSack;
      peer.closed = false;
      peer.liberal = false;
      peer.unacknowledged = false;
      peer.maxAck = null;
      last.challenge = false;
      Object.assign(mine, { ...fresh(), liberal: mine.liberal });
    } else if (state === '!') {
      return 'invalid';
    } else if (state === 'TIME_WAIT') {
      if (old === 'LAST_ACK' && kind === 'ack' && last.reply !== g.reply && last.kind === 'syn' && last.challenge) {
        last.challenge = false;
        return 'pass';
      }
    } else if (state === 'SYN_SENT2') {
      e.simultaneous = true;
    } else if (state === 'SYN_RECV') {
      if (g.reply && kind === 'ack' && e.simultaneous) state = 'ESTABLISHED';
    } else if (state === 'CLOSE' && kind === 'rst') {
      const solid = old === 'ESTABLISHED' && e.assured;
      if (['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE'].includes(old)) {
        check = false;
      } else {
        let decided = false;
        if (peer.maxAck !== null && last.kind !== 'syn') {
          if (g.seq === 0 && !solid) decided = true;
          else if (before(g.seq, peer.maxAck)) return 'invalid';
          else if (!solid || u32(g.seq) === peer.maxAck) decided = true;
          else if (last.kind === 'ack' && last.reply === g.reply && u32(g.seq) === last.end) decided = true;
          else state = old;
        }
        if (!decided) {
          const stray = (e.replied && last.kind === 'syn' && last.reply !== g.reply) || (!e.assured && last.kind === 'ack');
          if (stray && u32(g.ack) === last.end) check = false;
          else if (old === 'SYN_SENT' && last.kind === 'ack' && last.reply && u32(g.seq) === last.ack) check = false;
        }
      }
    }
    if (check) {
      const seen = inWindow(e, g, kind, end);
      if (seen === 'ignore') return 'pass';
      if (seen === 'invalid') {
        if (e.assured && (kind === 'rst' || kind === 'fin')) {
          if (last.reply !== g.reply && (last.kind === 'fin' || last.kind === 'rst')) {
            if (e.until - g.now >= 120_000 && e.until - g.now > UNACKNOWLEDGED * 1000) e.until = g.now + UNACKNOWLEDGED * 1000;
          } else {
            last.kind = kind;
            last.reply = g.reply;
          }
        }
        return 'invalid';
      }
    }
    last.kind = kind;
    last.reply = g.reply;
    e.state = state;
    if (state === 'FIN_WAIT' && old !== 'FIN_WAIT') mine.closed = true;
    let left = seconds[state]!;
    if (last.repeats >= 3 && left > RETRANS) left = RETRANS;
    else if (kind === 'rst') left = seconds.CLOSE!;
    else if ((mine.unacknowledged || peer.unacknowledged) && left > UNACKNOWLEDGED) left = UNACKNOWLEDGED;
    else if (last.window === 0 && left > RETRANS) left = RETRANS;
    if (!e.replied) {
      if (kind === 'rst') return 'gone';
      if (kind === 'syn' && old === 'SYN_SENT') return 'pass';
      if (state === 'ESTABLISHED' && left > UNACKNOWLEDGED) left = UNACKNOWLEDGED;
    } else if (state === 'ESTABLISHED' && (old === 'SYN_RECV' || old === 'ESTABLISHED')) {
      e.assured = true;
    }
    e.until = g.now + left * 1000;
    return 'pass';
  }

  /** Lets a packet through and notes what it said. */
  #let(e: Entry, g: Given, kind: string, end: number, old: string): 'pass' {
    Object.assign(e.last, { kind, reply: g.reply, seq: u32(g.seq), end, window: g.window });
    if (kind === 'syn' && !g.reply) {
      e.last.synScale = g.options.scale === undefined ? null : Math.min(g.options.scale, 14);
      e.last.synSack = g.options.sackPermitted ?? false;
      e.last.challenge = old === 'LAST_ACK';
      e.simultaneous = false;
    }
    if (old === 'SYN_SENT' && kind === 'ack' && g.reply) e.last.ack = u32(g.ack);
    return 'pass';
  }
}
