"""Generated stubs of `qkd.run.v1`: regenerate with `make protos`."""
