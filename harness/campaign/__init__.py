"""The campaign engine: register, plan, key budget, checks, events, record."""
