/** The Services of a lab as objects: from its manifests, or from what it declares in short. */
import { type ClusterObject, type EndpointSlice, SERVICE_NAME_LABEL, type Service } from '../../cluster/objects/types.ts';
import type { Lab, ServiceDeclaration } from '../definition.ts';
import { podsOf } from '../topology/cluster-nodes.ts';

export function labObjects(lab: Lab): ClusterObject[] {
  const declared = Object.entries(lab.services ?? {}).flatMap(([name, service]) => [serviceOf(name, service), sliceOf(lab, name, service)]);
  return [...(lab.objects ?? []), ...declared];
}

const serviceOf = (name: string, { clusterIp, port, nodePort }: ServiceDeclaration): Service => ({
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: {
    type: nodePort === undefined ? 'ClusterIP' : 'NodePort',
    clusterIP: clusterIp,
    ports: [{ name: '', protocol: 'TCP', port, ...(nodePort !== undefined && { nodePort }) }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ...(nodePort !== undefined && { externalTrafficPolicy: 'Cluster' }),
  },
  status: { loadBalancer: { ingress: [] } },
});

/** Pods of one Service listen on one port. */
function sliceOf(lab: Lab, name: string, service: ServiceDeclaration): EndpointSlice {
  const pods = lab.nodes.flatMap(node => podsOf(lab, node).map(pod => ({ ...pod, node })));
  const own = service.pods.map(pod => pods.find(p => p.name === pod)!);
  return {
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { [SERVICE_NAME_LABEL]: name } },
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: own[0]?.port ?? service.port }],
    endpoints: own.map(({ address, node }) => ({ addresses: [address], nodeName: node })),
  };
}
