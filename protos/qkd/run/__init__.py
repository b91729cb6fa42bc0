"""Generated stubs of `qkd.run`: regenerate with `make protos`."""
