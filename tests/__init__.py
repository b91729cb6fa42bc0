"""Tests of every folder; benchmarks/ is run on demand."""
