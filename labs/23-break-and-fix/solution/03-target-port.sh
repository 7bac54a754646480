kubehop lab apply 23 -f "$(dirname "$0")/03-target-port.yaml"
