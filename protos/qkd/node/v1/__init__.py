"""Generated stubs of `qkd.node.v1`: regenerate with `make protos`."""
