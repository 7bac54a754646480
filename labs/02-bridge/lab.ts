import { converse, expectHop, expectNothing, expectOutput, lab, ping, prepare, probe } from '../../src/lab/definition.ts';

const podA = '0a:58:0a:f4:01:02';
const podB = '0a:58:0a:f4:01:03';
const gateway = '0a:58:0a:f4:01:01';

export default lab({
  title: 'A bridge for pods: MAC table, gateway, hairpin off',
  minutes: 10,
  nodes: ['node1'],
  pods: {
    'pod-a': { node: 'node1', image: 'kubehop/echo' },
    'pod-b': { node: 'node1' },
    'pod-c': { node: 'node1' },
  },
  // Frames between pods stay inside the bridge: what the rules of a node do with them is for later.
  bridgeNf: false,
  lookAt: 'ports',
  steps: [
    prepare('node1', 'for pod in a b c; do ip link set veth-pod-$pod type bridge_slave fdb_flush; done'),

    // The bridge has not heard of pod-b yet: the frame goes out of every other port.
    probe('pod-a', ping('10.244.1.3')),
    expectHop('node1/veth-pod-b', { kind: 'echo request', srcMac: podA, dstMac: podB, ttl: 64, direction: 'out' }),
    expectHop('node1/veth-pod-c', { kind: 'echo request', srcMac: podA, dstMac: podB, ttl: 64, direction: 'out' }),
    expectHop('pod-a/eth0', { kind: 'echo reply', srcMac: podB, dstMac: podA, ttl: 64, direction: 'in' }),
    expectOutput('node1', 'bridge fdb show br cni0 dynamic', /0a:58:0a:f4:01:02 dev veth-pod-a master cni0/),
    expectOutput('node1', 'bridge fdb show br cni0 dynamic', /0a:58:0a:f4:01:03 dev veth-pod-b master cni0/),

    // Now it knows both: pod-c sees nothing more.
    probe('pod-a', ping('10.244.1.3', { sequence: 2 })),
    expectHop('pod-b/eth0', { kind: 'echo request', srcMac: podA, dstMac: podB, direction: 'in' }),
    expectHop('pod-a/eth0', { kind: 'echo reply', direction: 'in' }),
    expectNothing('pod-c/eth0', { kind: 'echo request', sequence: 2 }),

    // The gateway is one more address on the same bridge.
    probe('pod-a', ping('10.244.1.1')),
    expectHop('node1/veth-pod-a', { kind: 'echo request', srcMac: podA, dstMac: gateway, ttl: 64, direction: 'in' }),
    expectHop('pod-a/eth0', { kind: 'echo reply', srcMac: gateway, dstMac: podA, ttl: 64, direction: 'in' }),

    // A frame for the port that it came from: hairpin mode is off, and the bridge drops it.
    probe('pod-a', ping('10.244.1.2')),
    expectHop('node1/veth-pod-a', { kind: 'echo request', srcMac: podA, dstMac: podA, direction: 'in' }),
    expectNothing('node1/veth-pod-a', { kind: 'echo request', srcMac: podA, dstMac: podA, direction: 'out' }),

    // Real sockets, pod to pod: no router between, so the client's address and TTL arrive untouched.
    converse('pod-b', 'curl -s --max-time 10 http://10.244.1.2:8080/', { output: /"client":"10\.244\.1\.3"/ }),
    expectHop('pod-a/eth0', { src: '10.244.1.3:*', dst: '10.244.1.2:8080', flags: 'SYN', srcMac: podB, ttl: 64, direction: 'in' }),
  ],
});
