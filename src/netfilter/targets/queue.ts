/** The packet goes to the one program that listens: NFQUEUE with number 0, by its old name. */
import { defineExtraTarget } from '../text/extra.ts';

export const queue = defineExtraTarget('QUEUE', { options: {}, list: () => '' });
