/** Objects of an exercise that come, become others, or go, while it runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import type { Instance } from '../instance.ts';
import { readManifest } from '../proxy/manifest.ts';
import type { CheckResult } from '../result.ts';

/** @returns a check for each node whose rules were written @throws LabError BAD_INPUT with every cause when the manifest is not valid */
export async function applyManifest({ lab: { folder = '.' }, cluster, proxies }: Instance, file: string): Promise<CheckResult[]> {
  if (cluster !== undefined) {
    await cluster.objects.apply(join(folder, file), { ready: true });
    await proxies.settle();
    return [];
  }
  const { objects, problems } = readManifest(readFileSync(join(folder, file), 'utf8'), file);
  if (problems.length > 0) throw new LabError('BAD_INPUT', problems.join('\n'));
  const { nodes } = await proxies.apply(objects);
  return nodes.map(({ node, ok }) => {
    const check = { at: node, text: `kube-proxy has written the rules of ${file}`, ok };
    return ok ? check : { ...check, saw: 'refused: the old rules stay' };
  });
}

/** @throws LabError BAD_INPUT in a lab without an API */
export async function deleteObject({ cluster, proxies }: Instance, kind: string, name: string): Promise<void> {
  if (cluster === undefined) throw new LabError('BAD_INPUT', `delete ${kind} ${name}: this lab has no API`);
  cluster.objects.delete(kind, name);
  await proxies.settle();
}
