/** `kubehop lab apply` and `lab delete` in a lab with an API: what kubectl does there, without kubectl. */
import type { ManifestText, ObjectsChanged } from '../daemon/protocol.ts';
import type { Instance } from '../instance.ts';

type Changed = ObjectsChanged['report']['objects'][number];

/** Manifests are taken one by one; of one that is refused, what stands before. Rules follow before the answer comes. */
export async function applyToApi({ cluster, proxies }: Instance, files: readonly ManifestText[]): Promise<ObjectsChanged> {
  const objects: Changed[] = [];
  const problems: string[] = [];
  for (const { name, text } of files) {
    try {
      await cluster!.objects.applyText(text, name, { told: (object, change) => objects.push({ name: object, change }) });
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
    }
  }
  await proxies.settle();
  return { report: { objects, nodes: [], warnings: [] }, problems, notes: [] };
}

/** @param names `Service default/web` */
export async function deleteFromApi({ cluster, proxies }: Instance, names: readonly string[]): Promise<ObjectsChanged> {
  const objects: Changed[] = names.map(name => ({ name, change: cluster!.objects.remove(name) ? 'deleted' : 'not found' }));
  await proxies.settle();
  return { report: { objects, nodes: [], warnings: [] }, problems: [], notes: [] };
}
