"""Emulated QKD modules: one runtime for every maker, on the plant's time."""
