"""Generated stubs of `qkd.optical`: regenerate with `make protos`."""
