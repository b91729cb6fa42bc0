"""Generated stubs of `qkd.entropy`: regenerate with `make protos`."""
