"""A whole reference node in one process: KMEs and forwarding modules."""
