"""The reference SDN controller: ETSI GS QKD 015 to its nodes, T-API to optical switches (`qkd.control.v1`)."""
