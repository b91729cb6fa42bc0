"""Generated stubs of `qkd.control.v1`: regenerate with `make protos`."""
