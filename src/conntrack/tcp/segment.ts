/** The fields of the segment in hand, read once: sequence numbers as int32. One reused object. */
import * as tcp from '../../wire/tcp.ts';

export class Segment {
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the TCP header. */
  at = 0;
  flags = 0;
  seq = 0;
  ack = 0;
  /** seq + payload, SYN and FIN counting one each (`segment_seq_plus_len`). */
  end = 0;
  /** As it stands in the header: not scaled. */
  window = 0;

  read(b: Uint8Array, at: number, end: number): void {
    this.bytes = b;
    this.at = at;
    const flags = tcp.flags(b, at);
    this.flags = flags;
    this.seq = tcp.seqI32(b, at);
    this.ack = tcp.ackI32(b, at);
    this.window = tcp.window(b, at);
    this.end = (this.seq + (end - at - tcp.headerLength(b, at)) + ((flags >> 1) & 1) + (flags & 1)) | 0;
  }
}
