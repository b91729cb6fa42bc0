"""The fixtures of the wire's tests, here too."""

from tests.harness.wire.conftest import authority, bench, sae

__all__ = ["authority", "bench", "sae"]
