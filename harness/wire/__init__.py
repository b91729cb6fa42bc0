"""The wires: how the harness speaks to implementations, and how it records what was said without keeping secrets."""
