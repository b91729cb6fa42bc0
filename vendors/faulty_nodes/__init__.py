"""Nodes with a single fault each, and nodes that differ from the reference and are as good."""
