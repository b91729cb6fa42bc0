"""Generated stubs of `qkd.device`: regenerate with `make protos`."""
