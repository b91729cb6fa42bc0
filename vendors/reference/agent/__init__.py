"""The reference SDN agent: ETSI GS QKD 015 in front of a live node."""
