"""Nodes of a QKD network: the life cycle of keys in a KMS, and their relaying by forwarding modules."""
