/** ACCEPT, DROP and RETURN: what the kernel knows without a module. */
import { defineTarget } from '../text/extension.ts';

const plain = { options: {}, print: () => '', list: () => '' } as const;

export const accept = { ...defineTarget('ACCEPT', { ...plain, read: () => ({ kind: 'ACCEPT' }) }) };
export const drop = { ...defineTarget('DROP', { ...plain, read: () => ({ kind: 'DROP' }) }) };
export const returns = { ...defineTarget('RETURN', { ...plain, read: () => ({ kind: 'RETURN' }) }) };
