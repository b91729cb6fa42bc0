"""Generated stubs of `qkd.vendor.v1`: regenerate with `make protos`."""
