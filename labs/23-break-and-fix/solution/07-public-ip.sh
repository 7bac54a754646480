kubehop lab apply 23 -f "$(dirname "$0")/07-public-ip.yaml"
