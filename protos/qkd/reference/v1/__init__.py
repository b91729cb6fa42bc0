"""Generated stubs of `qkd.reference.v1`: regenerate with `make protos`."""
