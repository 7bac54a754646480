kubehop lab apply 23 -f "$(dirname "$0")/04-readiness.yaml"
# the new pod has to come, and to be ready
kubehop exec --lab 23 pod-a -- curl -s -o /dev/null --retry 30 --retry-delay 1 --retry-all-errors http://10.96.1.30/
