"""KMEs for testing a suite: single faults that it has to find, lawful variants that it must not blame."""
