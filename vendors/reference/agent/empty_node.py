"""The node of an agent that has not been told where its parts are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from qkd.node.v1.agent_pb2 import NODE_STATUS_NEW, QkdApplication, QkdLink, SdNode, WatchNotificationsResponse

from .live import RefusedByNodeError


class EmptyNode:
    """A `LiveNode` with nothing in it: NEW, and unable to do anything."""

    def __init__(self, qkdn_id: str) -> None:
        self._qkdn_id = qkdn_id

    def observed(self) -> SdNode:
        """See `LiveNode`."""
        return SdNode(qkdn_id=self._qkdn_id, qkdn_status=NODE_STATUS_NEW)

    async def apply(self, links: Sequence[QkdLink], applications: Sequence[QkdApplication]) -> None:
        """See `LiveNode`."""
        if links or applications:
            subject = f"link {links[0].qkdl_id}" if links else f"application {applications[0].app_id}"
            raise RefusedByNodeError(subject, "the agent does not know yet where the parts of its node are; try later")

    async def notifications(self) -> AsyncIterator[WatchNotificationsResponse]:
        """See `LiveNode`."""
        await asyncio.Event().wait()
        yield WatchNotificationsResponse()  # never
