"""Generated stubs of `qkd.entropy.v1`: regenerate with `make protos`."""
