"""QKD modules: whether a maker's modules keep to `qkd.device.v1` and to physics, on a fibre plant of our own."""
