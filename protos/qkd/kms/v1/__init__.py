"""Generated stubs of `qkd.kms.v1`: regenerate with `make protos`."""
