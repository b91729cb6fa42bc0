"""The northern side of an agent in RESTCONF (RFC 8040)."""
