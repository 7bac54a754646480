/** Figures as people read them: three digits that count, thousands and millions by letter. */
import type { Target } from '../measures.ts';

export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${digits(value / 1e6)} M`;
  if (size >= 1e4) return `${digits(value / 1e3)} k`;
  return digits(value);
}

const digits = (value: number): string => {
  const size = Math.abs(value);
  if (size === 0) return '0';
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
};

/** `≥ 1.1 / 1.25`: floor and aim. */
export const targetText = (target: Target): string => `${target.sense === 'at least' ? '≥' : '≤'} ${target.floor} / ${target.aim}`;
