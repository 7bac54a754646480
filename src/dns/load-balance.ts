/** The order of addresses in an answer, as CoreDNS' plugin `loadbalance` mixes it: clients mostly take the first. */
import type { Random } from '../base/random.ts';
import type { ResourceRecord } from '../wire/dns-record.ts';

const isAddress = ({ type }: ResourceRecord): boolean => type === 'A' || type === 'AAAA';

/** CNAMEs first, as a chain must stand; then what is no address; then addresses in any order. */
export function shuffled(records: readonly ResourceRecord[], random: Random): readonly ResourceRecord[] {
  if (records.length < 2) return records;
  const addresses = records.filter(isAddress);
  for (let left = addresses.length; left > 1; left--) {
    const i = random.below(left);
    [addresses[i], addresses[left - 1]] = [addresses[left - 1]!, addresses[i]!];
  }
  return [...records.filter(r => r.type === 'CNAME'), ...records.filter(r => r.type !== 'CNAME' && !isAddress(r)), ...addresses];
}
