"""Generated stubs of `qkd.kms`: regenerate with `make protos`."""
