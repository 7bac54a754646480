/** koffi: calls into the C library, which open devices and enter namespaces. */
import { type Check, missing, ok } from './check.ts';

export const foreignCalls: Check = {
  name: 'koffi',
  use: 'calls into the C library: devices, namespaces, rings',
  required: true,
  async run() {
    try {
      const { ifNameToIndex } = await import('../../os/libc.ts');
      return ifNameToIndex('lo') > 0
        ? ok('loads, and the C library answers')
        : missing('the C library knows no interface "lo"', 'ip link show lo');
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0]!;
      return missing(
        `koffi does not load: ${reason}`,
        '`npm ci` in the checkout, optional packages included: they hold the binary for this machine',
      );
    }
  },
};
