"""Generated stubs of `qkd.node`: regenerate with `make protos`."""
