/** Objects as a Table (`meta.k8s.io/v1`): the server says what is worth showing, and kubectl prints it. */
import type { ApiObject } from '../../cluster/store/object.ts';
import { type ResourceType, typeName } from '../../cluster/store/resource-type.ts';
import { badRequest } from '../../cluster/store/status.ts';
import {
  configMapColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  secretColumns,
  serviceAccountColumns,
} from './cluster.ts';
import { ageColumn, type Cell, type Column, nameColumn } from './column.ts';
import { endpointSliceColumns, endpointsColumns, serviceColumns } from './networking.ts';
import { podColumns } from './pods.ts';
import { daemonSetColumns, deploymentColumns, replicaSetColumns } from './workloads.ts';

const columns: Readonly<Record<string, readonly Column<never>[]>> = {
  configmaps: configMapColumns,
  'daemonsets.apps': daemonSetColumns,
  'deployments.apps': deploymentColumns,
  endpoints: endpointsColumns,
  'endpointslices.discovery.k8s.io': endpointSliceColumns,
  events: eventColumns,
  'leases.coordination.k8s.io': leaseColumns,
  namespaces: namespaceColumns,
  nodes: nodeColumns,
  pods: podColumns,
  'replicasets.apps': replicaSetColumns,
  secrets: secretColumns,
  serviceaccounts: serviceAccountColumns,
  services: serviceColumns,
};

const columnsOf = (type: ResourceType): readonly Column<ApiObject>[] =>
  (columns[typeName(type)] ?? [nameColumn, ageColumn]) as readonly Column<ApiObject>[];

export const includeWords = ['None', 'Metadata', 'Object'] as const;
/** How much of each object comes along with its row. */
export type Include = (typeof includeWords)[number];

export function includeOf(query: URLSearchParams): Include {
  const word = query.get('includeObject') ?? '';
  if (word === '') return 'Metadata';
  if ((includeWords as readonly string[]).includes(word)) return word as Include;
  throw badRequest(`includeObject: Unsupported value: ${JSON.stringify(word)}: supported values: "Metadata", "None", "Object"`);
}

export interface TableFormat {
  /** `meta.k8s.io/v1` */
  readonly apiVersion: string;
  readonly include: Include;
}

const definitions = (type: ResourceType): object[] =>
  columnsOf(type).map(({ name, type: of, format, description, priority }) => ({ name, type: of, format, description, priority }));

const row = (type: ResourceType, object: ApiObject, { include, apiVersion }: TableFormat, nowMs: number): object => {
  const cells: Cell[] = columnsOf(type).map(({ cell }) => cell(object, nowMs));
  if (include === 'None') return { cells };
  return { cells, object: include === 'Object' ? object : { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata } };
};

/** @param metadata of the list: resourceVersion, continue */
export const tableText = (
  type: ResourceType,
  objects: readonly ApiObject[],
  metadata: object,
  format: TableFormat,
  nowMs: number,
): string =>
  JSON.stringify({
    kind: 'Table',
    apiVersion: format.apiVersion,
    metadata,
    columnDefinitions: definitions(type),
    rows: objects.map(object => row(type, object, format, nowMs)),
  });
