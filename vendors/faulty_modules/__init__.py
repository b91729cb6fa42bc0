"""Faulty QKD modules, and lawful but different ones: the emulated runtime with one visible difference each."""
