/** ConfigMap, Secret and ServiceAccount (k/k `staging/src/k8s.io/api/core/v1/types.go`). */
import { kindOf, type ObjectOf } from './meta.ts';
import { LocalObjectReference, ObjectReference } from './pod-parts.ts';
import { bool, bytes, core, keyed, mapOf, ref, text, words } from './schema.ts';

export const ConfigMapDefinition = kindOf(core('ConfigMap'), '', 'v1', 'Settings for Pods, as text by key.', {
  data: words('Text by key.'),
  binaryData: mapOf(bytes('Bytes in base64.'), 'Bytes by key.'),
  immutable: bool('May nothing of it be changed any more?'),
});
export const SecretDefinition = kindOf(
  core('Secret'),
  '',
  'v1',
  'Settings that are not shown to everybody. Here they are kept as they are.',
  {
    data: mapOf(bytes('Bytes in base64.'), 'Bytes by key.'),
    stringData: words('Text by key, put into data when it is written.'),
    type: text('What it is for; Opaque.'),
    immutable: bool('May nothing of it be changed any more?'),
  },
);
export const ServiceAccountDefinition = kindOf(core('ServiceAccount'), '', 'v1', 'As whom Pods act.', {
  secrets: keyed(ref(ObjectReference), ['name'], 'Secrets that its Pods may use.'),
  imagePullSecrets: {
    ...keyed(ref(LocalObjectReference), ['name'], 'Secrets by which images are fetched.'),
    list: { type: 'atomic' as const, keys: [] },
  },
  automountServiceAccountToken: bool('Is its token mounted into Pods?'),
});

export type ConfigMap = ObjectOf<typeof ConfigMapDefinition>;
export type Secret = ObjectOf<typeof SecretDefinition>;
export type ServiceAccount = ObjectOf<typeof ServiceAccountDefinition>;
