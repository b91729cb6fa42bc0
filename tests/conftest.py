"""For all tests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from anyio._backends import _asyncio as backend


@pytest.fixture(autouse=True, scope="session")
def _spurious_errors_of_grpc() -> Any:
    """grpc.aio lets every loop of a process hear of the calls of all of them (its issues 25364 and 34139).

    A loop that hears of a call whose loop is closed, or of one that another loop has seen to, raises where nobody
    called; anyio would blame the test that happens to run.
    """
    handler = backend.TestRunner._exception_handler

    def filtered(self: Any, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        spurious = isinstance(context.get("exception"), RuntimeError | BlockingIOError)
        if not (spurious and "PollerCompletionQueue._handle_events" in repr(context.get("handle"))):
            handler(self, loop, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend.TestRunner, "_exception_handler", filtered)
        yield
