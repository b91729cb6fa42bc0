"""Generated stubs of `qkd`: regenerate with `make protos`."""
