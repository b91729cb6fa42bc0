"""Generated stubs of `qkd.device.v1`: regenerate with `make protos`."""
