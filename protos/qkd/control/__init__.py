"""Generated stubs of `qkd.control`: regenerate with `make protos`."""
