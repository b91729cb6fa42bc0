"""Generated stubs of `qkd.optical.v1`: regenerate with `make protos`."""
