/** `metadata`: its fields, and how names are checked (apimachinery `pkg/api/validation/objectmeta.go`). */
import type { FieldErrors } from './field-errors.ts';
import { dns1123Label } from './names.ts';
import { present, type Shape } from './shape.ts';
import type { ObjectMeta } from './types.ts';

/** @param scope a namespaced object without a namespace is in `default`, where kubectl would put it */
export function readMeta(shape: Shape, scope: 'namespaced' | 'cluster'): ObjectMeta {
  const meta = shape.object('metadata');
  const namespace = meta.text('namespace') ?? '';
  return present<ObjectMeta>({
    name: meta.text('name') ?? '',
    namespace: scope === 'cluster' ? '' : namespace === '' ? 'default' : namespace,
    labels: meta.record('labels'),
    annotations: meta.record('annotations'),
    resourceVersion: meta.text('resourceVersion'),
    uid: meta.text('uid'),
  });
}

export function validateMeta(meta: ObjectMeta, errors: FieldErrors, nameRule: (name: string) => string[]): void {
  if (meta.name === '') errors.required('metadata.name', 'name or generateName is required');
  else for (const detail of nameRule(meta.name)) errors.invalid('metadata.name', meta.name, detail);
  if (meta.namespace !== '')
    for (const detail of dns1123Label(meta.namespace)) errors.invalid('metadata.namespace', meta.namespace, detail);
}
