/** Words of the IPv4 options (RFC 791 section 3.1). */
export const OptionType = {
  End: 0,
  Nop: 1,
  RecordRoute: 7,
  Timestamp: 68,
  LooseSourceRoute: 131,
  StrictSourceRoute: 137,
  RouterAlert: 148,
} as const;

/** Low four bits of a timestamp option's fourth byte. */
export const TimestampKind = { TimeOnly: 0, TimeAndAddress: 1, Prespecified: 3 } as const;

const DAY_MS = 86_400_000;

/** Milliseconds since midnight UTC. */
export const timeOfDay = (): number => Math.floor(performance.timeOrigin + performance.now()) % DAY_MS;
