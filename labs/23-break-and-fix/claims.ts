/** What this cluster does when it is well. Each is a check; a fault is known by those that do not hold. */
export const claims = {
  near: 'pod-a reaches `near`, a Service whose pod is on the same node',
  far: 'pod-a reaches `far`, a Service whose pod is on the other node',
  farPod: 'node1 reaches the pod of `far` by its own address',
  farOnNode: 'node2 reaches the pod of `far` by its own address',
  self: 'the pod of `far` reaches its own Service',
  large: 'large transfers between the nodes arrive, both ways',
  names: 'pod-a finds a Service by its name',
  shop: 'pod-a reaches `shop`, a Deployment',
  nobody: 'a Service that nobody serves refuses at once',
  nodePort1: 'the client reaches `far` by the node port of node1, twelve times in a row',
  nodePort2: 'the client reaches `far` by the node port of node2',
  nodePortSelf: 'node2 reaches the node port on itself',
  office: 'the office reaches `admin` by its address outside',
  protected: 'nobody but the office reaches `admin`',
  outside: 'pod-a reaches a server outside, as node1',
} as const;
