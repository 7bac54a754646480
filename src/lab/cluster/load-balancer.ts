/**
 * The load balancer of a lab that has one by name only: a Service of type LoadBalancer gets the address for which it asks in `loadBalancerIP`. That packets
 * for it come to a node is a route of whoever stands in front of the nodes.
 */
import { Services } from '../../cluster/resources/index.ts';
import type { Store } from '../../cluster/store/store.ts';

/** @returns stops it */
export function giveLoadBalancerIps(store: Store): () => void {
  return store.follow(Services, {}, ({ type, object: { metadata, spec, status } }) => {
    const ip = spec?.type === 'LoadBalancer' ? spec.loadBalancerIP : undefined;
    if (type === 'DELETED' || ip === undefined || status?.loadBalancer?.ingress?.[0]?.ip === ip) return;
    const give = (): void => {
      if (store.find(Services, metadata.namespace ?? '', metadata.name!) === undefined) return; // it has gone meanwhile
      store.modify(
        Services,
        metadata.namespace ?? '',
        metadata.name!,
        draft => {
          draft.status = { ...draft.status, loadBalancer: { ingress: [{ ip }] } };
        },
        { subresource: 'status' },
      );
    };
    setImmediate(give); // a change is not written while it is told
  });
}
