"""Toshiba: T12, decoy-state BB84 at 1310 nm."""
