# the second object restarts kube-proxy, as `kubectl rollout restart` does
kubehop lab apply 23 -f "$(dirname "$0")/06-node-port-addresses.yaml"
for node in 192.168.56.11 192.168.56.12; do
  kubehop exec --lab 23 client -- curl -s -o /dev/null --retry 30 --retry-delay 1 --retry-all-errors "http://$node:30080/"
done
