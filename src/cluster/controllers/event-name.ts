/** A name has at most 253 characters (RFC 1123 subdomain). */
const LONGEST = 253;

/** Name of an Event about an object (client-go `tools/record`): the object's, cut where both together would be too long, and a suffix of its own. */
export function eventName(object: string, suffix: string): string {
  const base = object.slice(0, LONGEST - suffix.length - 1).replace(/[-.]+$/, '');
  return `${base}.${suffix}`;
}
