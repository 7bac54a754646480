/** Objects of an exercise that come, or become others, while it runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import type { LabProxies } from '../proxy/lab-proxies.ts';
import { readManifest } from '../proxy/manifest.ts';
import type { CheckResult } from '../result.ts';

/** @returns a check for each node whose rules were written @throws LabError BAD_INPUT with every cause when the manifest is not valid */
export async function applyManifest(proxies: LabProxies, folder: string, file: string): Promise<CheckResult[]> {
  const { objects, problems } = readManifest(readFileSync(join(folder, file), 'utf8'), file);
  if (problems.length > 0) throw new LabError('BAD_INPUT', problems.join('\n'));
  const { nodes } = await proxies.apply(objects);
  return nodes.map(({ node, ok }) => {
    const check = { at: node, text: `kube-proxy has written the rules of ${file}`, ok };
    return ok ? check : { ...check, saw: 'refused: the old rules stay' };
  });
}
