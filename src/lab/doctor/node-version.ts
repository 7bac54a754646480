/** Node.js that runs TypeScript as it stands. */
import { type Check, missing, ok, SETUP } from './check.ts';

export const nodeVersion: Check = {
  name: 'node',
  use: 'runs the TypeScript of this project without a build',
  required: true,
  run({ nodeVersion }) {
    const [major, minor] = nodeVersion.split('.').map(Number) as [number, number];
    return major > 22 || (major === 22 && minor >= 19)
      ? ok(`Node.js ${nodeVersion}`)
      : missing(`Node.js ${nodeVersion}, and 22.19 or later is needed`, `${SETUP} (it brings Node.js 24 as an npm package)`);
  },
};
