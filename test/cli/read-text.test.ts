import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const KUBEHOP = fileURLToPath(new URL('../../bin/kubehop', import.meta.url));

test('stdin is read to its end, also when its text comes late and in pieces', () => {
  const slowly = `{ sleep 0.4; printf '*raw\\n'; sleep 0.2; printf 'COMMIT\\n'; } | '${KUBEHOP}' rules check -`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', slowly], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\*raw\n.*COMMIT\n$/s) });
});
