"""Generated stubs of `qkd.reference`: regenerate with `make protos`."""
