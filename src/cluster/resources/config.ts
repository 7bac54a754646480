/** ConfigMaps, Secrets and ServiceAccounts (`pkg/apis/core/validation/validation.go`). */
import type { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Subdomain } from '../objects/names.ts';
import {
  type ConfigMap,
  ConfigMapDefinition,
  type Secret,
  SecretDefinition,
  type ServiceAccount,
  ServiceAccountDefinition,
} from '../schema/config.ts';
import { immutable } from '../store/metadata.ts';
import type { ResourceType } from '../store/resource-type.ts';

const MOST_BYTES = 1024 * 1024;
const KEY = '[-._a-zA-Z0-9]+';
const keyPattern = new RegExp(`^${KEY}$`);

function validateKeys(keys: Iterable<string>, path: string, errors: FieldErrors): void {
  for (const key of keys) {
    const at = `${path}[${key}]`;
    if (key.length > 253) errors.invalid(at, key, 'must be no more than 253 characters');
    if (!keyPattern.test(key) || key === '.' || key === '..' || key.startsWith('..'))
      errors.invalid(
        at,
        key,
        `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${KEY}')`,
      );
  }
}

interface Settings {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

function validateSettings({ data = {}, binaryData = {} }: Settings, errors: FieldErrors): void {
  validateKeys(Object.keys(data), 'data', errors);
  validateKeys(Object.keys(binaryData), 'binaryData', errors);
  for (const key of Object.keys(binaryData))
    if (Object.hasOwn(data, key)) errors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
  const bytes = [...Object.values(data), ...Object.values(binaryData)].reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > MOST_BYTES) errors.tooLong('', MOST_BYTES);
}

function validateChange(now: Settings, old: Settings, errors: FieldErrors): void {
  if (old.immutable !== true) return;
  if (now.immutable !== true) errors.forbidden('immutable', 'field is immutable when `immutable` is set');
  for (const field of ['data', 'binaryData'] as const)
    if (JSON.stringify(now[field] ?? {}) !== JSON.stringify(old[field] ?? {}))
      errors.forbidden(field, 'field is immutable when `immutable` is set');
}

export const ConfigMaps: ResourceType<ConfigMap> = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  scope: 'namespaced',
  definition: ConfigMapDefinition,
  nameRule: dns1123Subdomain,
  validate: validateSettings,
  validateUpdate: validateChange,
};

export const Secrets: ResourceType<Secret> = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  scope: 'namespaced',
  definition: SecretDefinition,
  nameRule: dns1123Subdomain,
  selectable: ['type'],
  defaults: draft => {
    draft.type ??= 'Opaque';
    if (draft.stringData === undefined) return;
    draft.data ??= {};
    for (const [key, value] of Object.entries(draft.stringData)) draft.data[key] = Buffer.from(value).toString('base64');
    delete draft.stringData;
  },
  validate: ({ data }, errors) => validateSettings(data === undefined ? {} : { data }, errors),
  validateUpdate: (secret, old, errors) => {
    immutable(secret.type, old.type, 'type', errors);
    validateChange(secret, old, errors);
  },
};

export const ServiceAccounts: ResourceType<ServiceAccount> = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  scope: 'namespaced',
  definition: ServiceAccountDefinition,
  nameRule: dns1123Subdomain,
};
