"""What the libraries underneath have to say, as single lines on stderr; never a traceback."""

from __future__ import annotations

import logging
import os
import sys


class OneLine(logging.Formatter):
    """A record as one line; a traceback that comes with it is left out, it may quote what must not be written."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        bare = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None, "stack_info": None})
        return " ".join(super().format(bare).split())


def quiet_logs() -> None:
    """Show warnings and worse, or what QKD_HARNESS_LOG names (DEBUG, INFO, …).

    gRPC logs every stream that ends while something is being written to it, which is how testbeds end: it is heard
    only when asked for.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    named = os.environ.get("QKD_HARNESS_LOG", "").upper()
    level = logging.getLevelNamesMapping().get(named, logging.WARNING)
    logging.basicConfig(level=level, handlers=[handler])
    if level >= logging.WARNING:
        logging.getLogger("grpc").setLevel(logging.CRITICAL)
