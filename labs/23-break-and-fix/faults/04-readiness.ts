import { apply } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { ruled } from './words.ts';

export const readiness: Trouble = {
  name: '04-readiness',
  symptom: '`shop` refuses connections since its last release.',
  story: 'Its pod runs, has an address, and does not restart.',
  inject: [
    apply('faults/readiness.yaml'),
    ruled('node1', 'default/shop has no endpoints'),
    ruled('node2', 'default/shop has no endpoints'),
  ],
  breaks: [claims.shop],
  hints: [
    'Who refuses? What does `iptables-save` on node1 say about 10.96.1.30, and `kubectl get endpointslices -l kubernetes.io/service-name=shop -o yaml` about its endpoint?',
    'The endpoint is there and not ready. `kubectl describe pod -l app=shop`: the Events at its end.',
    'The probe asks a port on which nobody listens. `kubectl edit deployment shop`: the container serves on 8080, its probe asks 8081.',
  ],
  happened: [
    'The readiness probe of the new release asks port 8081, where nobody listens. It fails for ever, and a pod that never becomes ready is not restarted:',
    'that is what liveness is for. Its endpoint stands in the slice with `ready: false`, kube-proxy sends nobody there, and without another endpoint the',
    'Service is refused in the filter table. With more replicas a rolling update would have stopped at the first new pod, and the old ones would have',
    'served on; the strategy of `shop` is Recreate.',
  ],
  source: 'pkg/kubelet/prober/worker.go; pkg/proxy/topology.go; exercise 12',
};
