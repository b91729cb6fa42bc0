"""Variants that differ from the reference KME and break nothing."""
