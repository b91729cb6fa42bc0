"""Generated stubs of `qkd.constraints.v1`: regenerate with `make protos`."""
