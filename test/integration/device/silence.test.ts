import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { noNamespaces, noTun, scenario, title } from './sandbox.ts';

const noNft = noNamespaces ?? (spawnSync('nft', ['--version']).error ? 'nft is not installed' : undefined);
const run = <T>(name: string, argument?: unknown) => scenario<T>('silence', name, argument);

describe.skipIf(noNft)(title('silence', noNft), () => {
  test('the kernel answers neither ARP nor a SYN, and the packet socket sees every frame', async () => {
    expect(await run('answers')).toEqual({
      before: { answered: ['ARP', 'RST'], seen: [true, true] },
      during: { answered: [], seen: [true, true] },
      still: [],
      after: ['ARP', 'RST'],
      tables: '',
    });
  });

  test.skipIf(noTun)(title('a bridge is silenced for itself and goes on bridging to the TAP', noTun), async () => {
    expect(await run('bridge')).toEqual({ atTap: 1, answered: 0, atFar: 1, answeredAfter: 1 });
  });

  test('leaves no table when the interface went first, and names an interface that is not there', async () => {
    expect(await run('interfaceGone')).toEqual({ tables: '', error: ['DEVICE', 'ioctl SIOCGIFINDEX "near0": ENODEV'] });
  });

  test('says that nft is missing', async () => {
    expect(await run('toolMissing')).toEqual(['TOOL_MISSING', 'nft for "near0": the program was not found']);
  });
});
