"""How long to wait before the next attempt."""

from collections.abc import Iterator


def growing(first_s: float, longest_s: float) -> Iterator[float]:
    """Endless: twice as long each time, up to the longest. Seconds."""
    pause = first_s
    while True:
        yield min(pause, longest_s)
        pause = min(2 * pause, longest_s)
