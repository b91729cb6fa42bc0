"""The live node of the reference agent: the parts of a node as one, behind `vendors.reference.agent.live.LiveNode`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, ProvisionAgentRequest
from vendors.reference.clock import Clock

from .node import Node

_log = logging.getLogger(__name__)
__all__ = ["Node", "live_node"]


@asynccontextmanager
async def live_node(
    request: ProvisionAgentRequest, connect: ConnectAgentRequest, state: Path, clock: Clock | None = None
) -> AsyncIterator[Node]:
    """The node that these requests describe. At the end the agent lets go of its parts, which go on as they are.

    Args:
        request: its settings are those of `NodeSettings`; others are passed over.
        state: folder of the agent.

    Raises:
        ValueError: a setting does not fit.
    """
    node = Node(request, connect, state, clock)
    running = asyncio.create_task(node.run())
    running.add_done_callback(_ended)
    try:
        await node.met()
        yield node
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _ended(running: asyncio.Task[None]) -> None:
    error = None if running.cancelled() else running.exception()
    if error is not None:  # its text may hold what is not to be logged
        _log.error("the node stopped: %s", ", ".join(type(one).__qualname__ for one in _leaves(error)))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
