/** Time of day, days and dates (`xt_time`). */
import { defineExtraMatch, extraOption } from '../text/extra.ts';
import type { Words } from '../text/words.ts';

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
/** The end of 31 bits of seconds: iptables 1.8.9 writes it where no end was given. */
const LAST_DATE = '2038-01-19T03:14:07';
/** 11st, 12nd, 13rd: so iptables counts. */
const ordinal = (day: string): string => `${day}${['th', 'st', 'nd', 'rd'][Number(day) % 10] ?? 'th'}`;
const two = (n: number): string => String(n).padStart(2, '0');

/** `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`. */
function readDate(word: string, words: Words): string | undefined {
  const m = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?)?)?)?$/.exec(word);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(i => Number(m?.[i] ?? (i === 2 || i === 3 ? 1 : 0)));
  const good = m && year! >= 1970 && year! <= 2038 && month! <= 12 && day! <= 31 && hour! <= 23 && minute! <= 59 && second! <= 59;
  const ms = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  if (!good || !(ms >= 0) || ms / 1000 > 0x7fff_ffff) return words.bad('a date YYYY[-MM[-DD[Thh[:mm[:ss]]]]] from 1970 to 2038');
  return ms === 0 ? undefined : new Date(ms).toISOString().slice(0, 19);
}

/** `hh:mm[:ss]`. */
function readTime(word: string, words: Words): string {
  const m = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(word);
  const [h, min, s] = [Number(m?.[1]), Number(m?.[2]), Number(m?.[3] ?? 0)];
  return m && h! <= 23 && min! <= 59 && s! <= 59 ? `${two(h!)}:${two(min!)}:${two(s!)}` : words.bad('a time hh:mm[:ss]');
}

function readMonthDays(word: string, words: Words): string {
  const asked = word
    .split(',')
    .map(d => (/^\d{1,2}$/.test(d) && Number(d) >= 1 && Number(d) <= 31 ? Number(d) : words.bad('days of the month 1..31')));
  return [...new Set(asked)].sort((a, b) => a - b).join(',');
}

/** By number, Monday is 1, or by the first two letters. */
function readWeekdays(word: string, words: Words): string {
  const asked = word
    .split(',')
    .map(d =>
      /^[1-7]$/.test(d)
        ? days[Number(d) - 1]!
        : (days.find(n => d.length >= 2 && n.startsWith(d.slice(0, 2))) ?? words.bad('days Mon..Sun or 1..7')),
    );
  return days.filter(d => asked.includes(d)).join(',');
}

const monthDays = Array.from({ length: 31 }, (_, i) => String(i + 1));
/** The kernel keeps the days that match; an inversion is the others. Nothing is printed for all of them. */
function inverted(asked: { value: unknown; not: boolean } | undefined, every: readonly string[]): string | undefined {
  if (asked === undefined) return undefined;
  const given = (asked.value as string).split(',');
  const kept = every.filter(d => given.includes(d) !== asked.not);
  return kept.length === every.length ? undefined : kept.join(',');
}

export const time = defineExtraMatch('time', {
  options: {
    timestart: { parse: readTime },
    timestop: { parse: readTime },
    monthdays: { parse: readMonthDays, not: true },
    weekdays: { parse: readWeekdays, not: true },
    datestart: { parse: readDate },
    datestop: { parse: readDate },
    utc: { excludes: ['kerneltz', 'localtz'] },
    kerneltz: {},
    localtz: {},
    contiguous: {},
  },
  list(o) {
    const from = o.has('timestart') ? ` from ${o.value('timestart')} to ${o.value('timestop')}` : '';
    const weekdays = o.has('weekdays') ? ` on ${o.value('weekdays')}` : '';
    const monthdays = o.has('monthdays') ? ` on ${o.value('monthdays').split(',').map(ordinal).join(',')}` : '';
    const start = o.has('datestart') ? ` starting from ${o.value('datestart').replace('T', ' ')}` : '';
    const stop = o.has('datestop') && o.value('datestop') !== LAST_DATE ? ` until date ${o.value('datestop').replace('T', ' ')}` : '';
    return ` TIME${from}${weekdays}${monthdays}${start}${stop}${o.has('kerneltz') ? '' : ' UTC'}${o.has('contiguous') ? ' contiguous' : ''}`;
  },
  read(given, words) {
    const start = (given.timestart?.value as string | undefined) ?? '00:00:00';
    const stop = (given.timestop?.value as string | undefined) ?? '23:59:59';
    if (given.contiguous && start < stop) words.fail('time: --contiguous only makes sense when --timestop is before --timestart');
    const date = (name: string, usual?: string) => {
      const value = given[name] ? (given[name].value as string | undefined) : usual;
      return value === undefined ? [] : [extraOption(name, value)];
    };
    const day = (name: string, every: readonly string[]) => {
      const value = inverted(given[name] as { value: unknown; not: boolean } | undefined, every);
      return value === undefined ? [] : value === '' ? words.fail(`time: --${name} leaves no day`) : [extraOption(name, value)];
    };
    return [
      ...(start !== '00:00:00' || stop !== '23:59:59' ? [extraOption('timestart', start), extraOption('timestop', stop)] : []),
      ...day('monthdays', monthDays),
      ...day('weekdays', days),
      ...date('datestart'),
      ...date('datestop', LAST_DATE),
      ...(given.kerneltz || given.localtz ? [extraOption('kerneltz')] : []),
      ...(given.contiguous ? [extraOption('contiguous')] : []),
    ];
  },
});
