"""SDN agents with a single fault each, and agents that differ from the reference and are as good."""
