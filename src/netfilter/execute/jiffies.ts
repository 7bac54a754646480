/**
 * The kernel's clock tick. Matches that count time do it in ticks, so their rounding is part of what they do; 250 per second is what
 * most distributions build (CONFIG_HZ).
 */
import type { Clock } from '../../base/clock.ts';

export const HZ = 250;

/** Ticks since the clock's start: whole, below 2^53. */
export const jiffies = (clock: Clock): number => Math.floor((clock.nowMs() * HZ) / 1000);
