"""A node that stands before the real one: faults change what it shows, takes or says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from qkd.node.v1.agent_pb2 import QkdApplication, QkdLink, SdNode, WatchNotificationsResponse
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest
from vendors.reference.agent.live import LiveNode


class Behind:
    """A `LiveNode` that passes everything on.

    Args:
        real: the node itself.
        connect: what the agent was told of it.
    """

    def __init__(self, real: LiveNode, connect: ConnectAgentRequest) -> None:
        self.real = real
        self.connect = connect
        self.links: list[QkdLink] = []
        self.applications: list[QkdApplication] = []

    def observed(self) -> SdNode:
        """See `LiveNode`."""
        return self.shown(self.real.observed())

    async def apply(self, links: Sequence[QkdLink], applications: Sequence[QkdApplication]) -> None:
        """See `LiveNode`."""
        self.links, self.applications = list(links), list(applications)
        await self.real.apply(*self.taken(_copies(links), _copies(applications)))

    async def notifications(self) -> AsyncIterator[WatchNotificationsResponse]:
        """See `LiveNode`."""
        async for one in self.real.notifications():
            for changed in self.said(one):
                yield changed

    # -- what a fault changes --------------------------------------------------------------------------

    def shown(self, node: SdNode) -> SdNode:
        """What is observed, changed in place or not."""
        return node

    def taken(
        self, links: list[QkdLink], applications: list[QkdApplication]
    ) -> tuple[list[QkdLink], list[QkdApplication]]:
        """What is made of a configuration; copies that may be changed."""
        return links, applications

    def said(self, one: WatchNotificationsResponse) -> list[WatchNotificationsResponse]:
        """What becomes of a notification."""
        return [one]


def _copies(some: Sequence[QkdLink] | Sequence[QkdApplication]) -> list:  # type: ignore[type-arg]
    made = []
    for one in some:
        copy = type(one)()
        copy.CopyFrom(one)  # type: ignore[arg-type]
        made.append(copy)
    return made
