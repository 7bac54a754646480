/**
 * Parts of a payload that tell of the run and not of the network: the date of an HTTP answer, a port that a server prints, the id of a DNS
 * question, the time in an echo. They are replaced before payloads are compared, and counted.
 */

export interface PayloadContext {
  protocol: number;
  /** As at the hop where the flow was first seen. */
  serverPort: number;
  /** Ports that were chosen by the system anywhere on the flow's way. */
  ephemeralPorts: ReadonlySet<number>;
}

export interface PayloadRule {
  what: string;
  why: string;
  /** @returns the payload with what must differ replaced and how often that was; undefined when there is nothing of it. */
  replace(payload: Buffer, context: PayloadContext): { payload: Buffer; count: number } | undefined;
}

const ICMP = 1;
const UDP = 17;
const DNS_PORT = 53;

const httpDate: PayloadRule = {
  what: 'HTTP Date',
  why: 'the server prints its clock',
  replace: payload =>
    replaceText(payload, /(?<=^|\r\n)(Date|Last-Modified|Expires): [^\r\n]*GMT/gi, m => `${m.slice(0, m.indexOf(':'))}: (date)`),
};

/** Only as `:40312` or as a JSON number, padded or not: a port that happens to stand in other digits is content. */
const printedPort: PayloadRule = {
  what: 'port in the payload',
  why: 'a server prints the ephemeral port that it sees',
  replace: (payload, { ephemeralPorts }) =>
    replaceText(payload, /(?<=:) *\d{4,5}(?!\d)/g, m => (ephemeralPorts.has(Number(m)) ? '(port)' : m)),
};

const dnsId: PayloadRule = {
  what: 'DNS id',
  why: 'chosen at random for each question',
  replace(payload, { protocol, serverPort }) {
    if (protocol !== UDP || serverPort !== DNS_PORT || payload.length < 12) return undefined;
    const copy = Buffer.from(payload);
    copy.writeUInt16BE(0, 0);
    return { payload: copy, count: 1 };
  },
};

/** Type SOA, class IN, as it stands behind the name of a record. */
const SOA = Buffer.from([0, 6, 0, 1]);

/** RFC 1035 section 3.3.13: the data of a SOA ends with serial, refresh, retry, expire and minimum. */
const soaSerial: PayloadRule = {
  what: 'SOA serial',
  why: 'the name server counts its seconds with it',
  replace(payload, { protocol, serverPort }) {
    const at = protocol === UDP && serverPort === DNS_PORT ? payload.indexOf(SOA, 12) : -1;
    if (at === -1 || at + 10 > payload.length) return undefined;
    const serial = at + 10 + payload.readUInt16BE(at + 8) - 20;
    if (serial < at + 10 || serial + 4 > payload.length) return undefined;
    const copy = Buffer.from(payload);
    copy.writeUInt32BE(0, serial);
    return { payload: copy, count: 1 };
  },
};

/** `struct timeval` of ping(8), 64 bits each: seconds of our time, and microseconds. */
const pingClock: PayloadRule = {
  what: "ping's clock",
  why: 'an echo begins with the time at which it was sent',
  replace(payload, { protocol }) {
    if (protocol !== ICMP || payload.length < 16) return undefined;
    const [seconds, upper, us, usUpper] = [0, 4, 8, 12].map(at => payload.readUInt32LE(at)) as [number, number, number, number];
    if (seconds < 1_000_000_000 || upper !== 0 || us >= 1_000_000 || usUpper !== 0) return undefined;
    return { payload: Buffer.concat([Buffer.alloc(16), payload.subarray(16)]), count: 1 };
  },
};

/** Questions and answers of one socket pass each other as they like: a resolver asks for A and AAAA at once. */
export const anyOrder = ({ protocol, serverPort }: PayloadContext): boolean => protocol === UDP && serverPort === DNS_PORT;

export const payloadRules: readonly PayloadRule[] = [httpDate, printedPort, dnsId, soaSerial, pingClock];

/** Headers and short answers stand at the start; looking through a download of megabytes at each hop takes longer than the download. */
const LOOKED_THROUGH = 65_536;

function replaceText(payload: Buffer, pattern: RegExp, by: (match: string) => string): { payload: Buffer; count: number } | undefined {
  let count = 0;
  const text = payload.toString('latin1', 0, LOOKED_THROUGH).replace(pattern, match => {
    const replaced = by(match);
    if (replaced !== match) count++;
    return replaced;
  });
  return count === 0 ? undefined : { payload: Buffer.concat([Buffer.from(text, 'latin1'), payload.subarray(LOOKED_THROUGH)]), count };
}
