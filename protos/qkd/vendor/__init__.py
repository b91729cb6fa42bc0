"""Generated stubs of `qkd.vendor`: regenerate with `make protos`."""
