/** Objects of an exercise that come, become others, or go, while it runs. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import type { Instance } from '../instance.ts';
import { namesOf, readManifest } from '../proxy/manifest.ts';
import type { CheckResult } from '../result.ts';
import { readWork } from './work-rules.ts';

/** @returns a check for each node whose rules were written @throws LabError BAD_INPUT, ApiError with every cause when the manifest is not valid */
export async function applyManifest({ cluster, proxies }: Instance, path: string): Promise<CheckResult[]> {
  if (cluster !== undefined) {
    await cluster.objects.apply(path, { ready: true });
    await proxies.settle();
    return [];
  }
  const file = basename(path);
  const { objects, problems } = readManifest(readFileSync(path, 'utf8'), file);
  if (problems.length > 0) throw new LabError('BAD_INPUT', problems.join('\n'));
  const { nodes } = await proxies.apply(objects);
  return nodes.map(({ node, ok }) => {
    const check = { at: node, text: `kube-proxy has written the rules of ${file}`, ok };
    return ok ? check : { ...check, saw: 'refused: the old rules stay' };
  });
}

/** A manifest of the reader's. What is refused changes nothing, and is a check that fails. @throws LabError BAD_INPUT for a file that is not there */
export async function applyWritten(instance: Instance, work: string, file: string): Promise<CheckResult[]> {
  readWork(work, file);
  const check = { at: 'manifest', text: `${basename(work)}/${file} is taken` };
  try {
    return [{ ...check, ok: true }, ...(await applyManifest(instance, join(work, file)))];
  } catch (error) {
    return [{ ...check, ok: false, saw: (error as Error).message }];
  }
}

/** What is in a manifest of the reader's goes, as far as it can be read. @throws LabError BAD_INPUT for a file that is not there */
export async function withdrawWritten({ proxies }: Instance, work: string, file: string): Promise<void> {
  await proxies.delete(namesOf(readManifest(readWork(work, file), file).objects));
}

/** @throws LabError BAD_INPUT in a lab without an API */
export async function deleteObject({ cluster, proxies }: Instance, kind: string, name: string): Promise<void> {
  if (cluster === undefined) throw new LabError('BAD_INPUT', `delete ${kind} ${name}: this lab has no API`);
  cluster.objects.delete(kind, name);
  await proxies.settle();
}
