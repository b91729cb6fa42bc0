"""NETCONF over SSH before the datastore of an agent (RFC 6241, RFC 6242; notifications by RFC 5277)."""
