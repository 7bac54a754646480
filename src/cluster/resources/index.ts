/** Every kind that the store keeps, in the order in which discovery shows them. */
import type { ApiObject } from '../store/object.ts';
import type { ResourceType } from '../store/resource-type.ts';
import { Events, Leases, Namespaces, Nodes } from './cluster.ts';
import { ConfigMaps, Secrets, ServiceAccounts } from './config.ts';
import { EndpointSlices, Endpoints } from './endpoints.ts';
import { Pods } from './pods.ts';
import { Services } from './services.ts';
import { DaemonSets, Deployments, ReplicaSets } from './workloads.ts';

const general = <T extends ApiObject>(type: ResourceType<T>): ResourceType => type as unknown as ResourceType;

export const resourceTypes: readonly ResourceType[] = [
  general(ConfigMaps),
  general(Endpoints),
  general(Events),
  general(Namespaces),
  general(Nodes),
  general(Pods),
  general(Secrets),
  general(ServiceAccounts),
  general(Services),
  general(DaemonSets),
  general(Deployments),
  general(ReplicaSets),
  general(Leases),
  general(EndpointSlices),
];

export {
  ConfigMaps,
  DaemonSets,
  Deployments,
  EndpointSlices,
  Endpoints,
  Events,
  Leases,
  Namespaces,
  Nodes,
  Pods,
  ReplicaSets,
  Secrets,
  ServiceAccounts,
  Services,
};
