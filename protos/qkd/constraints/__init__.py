"""Generated stubs of `qkd.constraints`: regenerate with `make protos`."""
