/** Token buckets, one for each address, port or pair of them (`xt_hashlimit` revision 3). */
import { prefixOf } from '../../base/address.ts';
import { type HashlimitMatch, HashlimitMode } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { leadingDecimal, scanEnd, scanUnsigned } from '../text/numbers.ts';
import { listRate, readRate } from '../text/rate.ts';
import { netmask, u32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Units of time per second (XT_HASHLIMIT_SCALE_v2). */
const SCALE = 1_000_000;
const DEFAULT_BURST = 5;
const MAX_BURST = 1_000_000;
const DEFAULT_GC_MS = 1000;
/** How long an idle entry lives under a rate in bytes, without and with a burst. */
const BYTES_EXPIRE_MS = 15_000;
const BYTES_BURST_EXPIRE_MS = 60_000;
const MAX_COST = 0xffff_ffff;
const MAX_NAME = 254;

const bytesToCost = (bytes: number): number => Math.floor(MAX_COST / ((Math.floor(bytes / 16) >>> 0) + 1));
const costToBytes = (cost: number): number => (Math.floor(MAX_COST / cost) - 1) * 16;
const factor = (letter: string | undefined): number => (letter === 'm' ? 1024 * 1024 : letter === 'k' ? 1024 : 1);

interface HashRate {
  readonly unit: HashlimitMatch['unit'];
  readonly average: number;
  readonly unitS: number;
}

/** `512kb/s`, or a rate of packets. */
function readHashRate(word: string, words: Words): HashRate {
  const mode = word.indexOf('b/s');
  const count = leadingDecimal(word);
  if (mode < 1 || count === 0) return { unit: 'packets', ...readRate(word, SCALE, words) };
  const average = bytesToCost(count * factor(word[mode - 1]));
  // Differs from iptables 1.8.9, which takes less than 16 b/s and writes it as 0b/s, which it cannot read.
  if (count < 0 || average === 0 || costToBytes(average) === 0) return words.bad('a rate of 16b/s or more, in b/s, kb/s or mb/s');
  return { unit: 'bytes', average, unitS: 1 };
}

/** A count of packets, or bytes with `k` or `m`. */
function readBurst(word: string, words: Words): number {
  const v = scanUnsigned(word);
  if (!(v >= 1) || (scanEnd === word.length && v > MAX_BURST) || v > Number.MAX_SAFE_INTEGER)
    return words.bad(`a number 1..${MAX_BURST}, or bytes such as 512kb`);
  return v * factor(word[scanEnd]);
}

function readMode(word: string, words: Words): number {
  let bits = 0;
  for (const item of word.split(/[,|]/)) {
    if (item === '') continue;
    if (!Object.hasOwn(HashlimitMode, item)) words.bad('a list of srcip,srcport,dstip,dstport');
    bits |= HashlimitMode[item as keyof typeof HashlimitMode];
  }
  return bits;
}

function readPrefix(word: string, words: Words): number {
  const prefix = prefixOf(netmask(word) ?? words.bad('a prefix length 0..32'));
  return prefix < 0 ? words.bad('a netmask without gaps') : prefix;
}
const readName = (word: string, words: Words): string =>
  word === '' || /[/\s"]/.test(word) ? words.bad('a name without / and " and white space') : word.slice(0, MAX_NAME);

/** Bytes in the largest unit in which nothing is lost that the kernel keeps. */
function byteRate(average: number): string {
  const bytes = costToBytes(average);
  for (const [name, size] of [['m', 1024 * 1024] as const, ['k', 1024] as const])
    if (bytes >= size && bytesToCost(Math.floor(bytes / size) * size) === average) return `${Math.floor(bytes / size)}${name}b/s`;
  return `${bytes}b/s`;
}
function byteBurst(average: number, burst: number): string {
  const bytes = costToBytes(average) * burst;
  const [name, size] = bytes >= 1024 * 1024 ? (['m', 1024 * 1024] as const) : bytes >= 1024 ? (['k', 1024] as const) : (['', 1] as const);
  return `${Math.floor(bytes / size)}${name}b`;
}

function modeText(mode: number, separator: string): string {
  return (['srcip', 'srcport', 'dstip', 'dstport'] as const).filter(name => mode & HashlimitMode[name]).join(separator);
}

/** Both printers: `p` stands before each option, `of` before the name of the rate. */
function text(m: HashlimitMatch, p: string, rate: string, separator: string): string {
  let s = rate;
  let usualExpire: number;
  if (m.unit === 'bytes') {
    s += ` ${byteRate(m.average)}`;
    if (m.burst !== 0) s += ` ${p}burst ${byteBurst(m.average, m.burst)}`;
    usualExpire = m.burst === 0 ? BYTES_EXPIRE_MS : BYTES_BURST_EXPIRE_MS;
  } else {
    const period = p === '' && m.rateIntervalS !== 0 ? m.average * m.rateIntervalS : m.average;
    const printed = listRate(period, SCALE);
    s += ` ${printed.text}${p === '' ? ' burst' : ` ${p}burst`} ${m.burst}`;
    usualExpire = printed.unitS * 1000;
  }
  if (m.mode !== 0) s += ` ${p}mode ${modeText(m.mode, separator)}`;
  if (p !== '') s += ` ${p}name ${m.name}`;
  if (m.htableSize !== undefined) s += ` ${p}htable-size ${m.htableSize}`;
  if (m.htableMax !== undefined) s += ` ${p}htable-max ${m.htableMax}`;
  if (m.gcIntervalMs !== DEFAULT_GC_MS) s += ` ${p}htable-gcinterval ${m.gcIntervalMs}`;
  if (m.expireMs !== usualExpire) s += ` ${p}htable-expire ${m.expireMs}`;
  if (m.srcPrefix !== 32) s += ` ${p}srcmask ${m.srcPrefix}`;
  if (m.dstPrefix !== 32) s += ` ${p}dstmask ${m.dstPrefix}`;
  if (m.rateMatch) s += ` ${p}rate-match`;
  if (m.rateMatch && m.rateIntervalS !== 1) s += ` ${p}rate-interval ${m.rateIntervalS}`;
  return s;
}

export const hashlimit = defineMatch('hashlimit', {
  options: {
    'hashlimit-upto': { parse: readHashRate, not: true, aliases: ['hashlimit'], excludes: ['hashlimit-above'] },
    'hashlimit-above': { parse: readHashRate, not: true },
    'hashlimit-srcmask': { parse: readPrefix },
    'hashlimit-dstmask': { parse: readPrefix },
    'hashlimit-burst': { parse: readBurst },
    'hashlimit-htable-size': { parse: u32 },
    'hashlimit-htable-max': { parse: u32 },
    'hashlimit-htable-gcinterval': { parse: u32 },
    'hashlimit-htable-expire': { parse: u32 },
    'hashlimit-mode': { parse: readMode },
    'hashlimit-name': { parse: readName, required: true },
    'hashlimit-rate-match': {},
    'hashlimit-rate-interval': { parse: (word, words) => leadingDecimal(word) || words.bad('a number of seconds') },
  },
  read(given, words): HashlimitMatch {
    const limit =
      given['hashlimit-upto'] ?? given['hashlimit-above'] ?? words.fail('hashlimit wants --hashlimit-upto or --hashlimit-above');
    const { unit, unitS } = limit.value;
    let { average } = limit.value;
    const asked = given['hashlimit-burst']?.value;
    let burst = asked ?? DEFAULT_BURST;
    if (unit === 'bytes') {
      const bytes = costToBytes(average);
      if (asked !== undefined && asked < bytes) words.fail(`hashlimit: the burst must be at least one second of the rate, ${bytes}b`);
      burst = asked === undefined ? 0 : Math.ceil(asked / bytes);
    } else if (burst > MAX_BURST) words.fail(`hashlimit: expected a burst of 1..${MAX_BURST} packets`);
    const rateMatch = given['hashlimit-rate-match'] !== undefined;
    const interval = given['hashlimit-rate-interval']?.value ?? 0;
    if (rateMatch && unit === 'packets') average = Math.floor(average / unitS);
    const usualExpire = unit === 'packets' ? unitS * 1000 : burst === 0 ? BYTES_EXPIRE_MS : BYTES_BURST_EXPIRE_MS;
    const gcIntervalMs = given['hashlimit-htable-gcinterval']?.value ?? DEFAULT_GC_MS;
    const expireMs = given['hashlimit-htable-expire']?.value ?? usualExpire;
    if (gcIntervalMs === 0 || expireMs === 0) words.fail('hashlimit: intervals must not be 0');
    if (average === 0 || interval < 0) words.fail('hashlimit: the rate is too fast, or the interval is no number');
    return {
      kind: 'hashlimit',
      above: (given['hashlimit-above'] !== undefined) !== limit.not,
      unit,
      average,
      burst,
      mode: given['hashlimit-mode']?.value ?? 0,
      name: given['hashlimit-name']!.value,
      srcPrefix: given['hashlimit-srcmask']?.value ?? 32,
      dstPrefix: given['hashlimit-dstmask']?.value ?? 32,
      ...(given['hashlimit-htable-size']?.value && { htableSize: given['hashlimit-htable-size'].value }),
      ...(given['hashlimit-htable-max']?.value && { htableMax: given['hashlimit-htable-max'].value }),
      gcIntervalMs,
      expireMs,
      rateMatch,
      rateIntervalS: rateMatch ? interval || (unit === 'bytes' ? 1 : unitS) : interval,
    };
  },
  print: m => text(m, '--hashlimit-', ` --hashlimit-${m.above ? 'above' : 'upto'}`, ','),
  list: m => text(m, '', m.above ? ' limit: above' : ' limit: up to', '-'),
});
