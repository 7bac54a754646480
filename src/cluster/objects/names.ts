/** Names and numbers as the API server checks them (apimachinery `pkg/util/validation/validation.go`). Each returns complaints, or none. */
import { isLoopbackIp, parseIp, parseNetwork } from '../../base/ip.ts';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const [label, subdomain, label1035] = [whole(LABEL), whole(SUBDOMAIN), whole(LABEL_1035)];

const tooLong = (text: string, most: number): string[] => (text.length > most ? [`must be no more than ${most} characters`] : []);

export const dns1123Label = (text: string): string[] => [
  ...tooLong(text, 63),
  ...(label.test(text)
    ? []
    : [
        `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`,
      ]),
];

export const dns1123Subdomain = (text: string): string[] => [
  ...tooLong(text, 253),
  ...(subdomain.test(text)
    ? []
    : [
        `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`,
      ]),
];

export const dns1035Label = (text: string): string[] => [
  ...tooLong(text, 63),
  ...(label1035.test(text)
    ? []
    : [
        `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${LABEL_1035}')`,
      ]),
];

/** The name of a port: IANA service name (RFC 6335, section 5.1). */
export function ianaServiceName(text: string): string[] {
  const found = text.length > 15 ? ['must be no more than 15 characters'] : [];
  if (!/^[-a-z0-9]+$/.test(text)) found.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) found.push('must contain at least one letter (a-z)');
  if (text.includes('--')) found.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) found.push('must not begin or end with a hyphen');
  return found;
}

export const portNumber = (n: unknown): string[] =>
  typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];

export const ipAddress = (text: string): string[] =>
  parseIp(text) === undefined ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : [];

export const cidr = (text: string): string[] =>
  parseNetwork(text) === undefined ? ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'] : [];

/** Addresses that nothing may be sent to by way of a Service. */
export function nonSpecialIp(text: string): string[] {
  const ip = parseIp(text);
  if (ip === undefined) return ['must be a valid IP address'];
  const [a, b] = [ip.bytes[0]!, ip.bytes[1]!];
  const v4 = ip.family === 'IPv4';
  const found: string[] = [];
  if (ip.bytes.every(x => x === 0)) found.push(`may not be unspecified (${text})`);
  if (isLoopbackIp(ip)) found.push('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (v4 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80)
    found.push('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (v4 ? a === 224 && b === 0 && ip.bytes[2] === 0 : a === 0xff && (b & 0x0f) === 2)
    found.push('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  return found;
}
