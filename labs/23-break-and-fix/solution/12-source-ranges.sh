# a node port that was given once stays, whatever `allocateLoadBalancerNodePorts` says then: the Service is made anew
kubehop lab delete 23 service/admin
kubehop lab apply 23 -f "$(dirname "$0")/../admin.yaml"
