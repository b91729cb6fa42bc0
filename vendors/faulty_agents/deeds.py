"""Faults in what an agent does with what it is told."""

from __future__ import annotations

from typing import Any

from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.agent_pb2 import QkdApplication, QkdLink

from .behind import Behind
from .catalogue import fault

_Taken = tuple[list[QkdLink], list[QkdApplication]]


@fault("disable-ignored", "ETSI015-LINK-5")
class DisableIgnored(Behind):
    """qkdl_enable=false is stored, and does nothing."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            link.qkdl_enable = True
        return links, applications


@fault("stored-and-forgotten", "ETSI015-LINK-1")
class StoredAndForgotten(Behind):
    """Links are stored, and no module hears of them."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            link.qkdl_enable = False
        return links, applications


@fault("next-interface", "ETSI015-LINK-1")
class NextInterface(Behind):
    """The remote interface is taken for the one after it."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            if link.qkdl_remote.HasField("qkdi_id"):
                link.qkdl_remote.qkdi_id = link.qkdl_remote.qkdi_id % 3 + 1
        return links, applications


@fault("disabled-for-good", "ETSI015-LINK-7")
class DisabledForGood(Behind):
    """A link that was disabled once stays so."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._disabled: set[str] = set()

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        self._disabled |= {one.qkdl_id for one in links if one.HasField("qkdl_enable") and not one.qkdl_enable}
        for link in links:
            if link.qkdl_id in self._disabled:
                link.qkdl_enable = False
        return links, applications


@fault("deleted-links-run-on", "ETSI015-LINK-8", "ETSI015-LINK-2")
class DeletedLinksRunOn(Behind):
    """The last link that is deleted is no longer shown, and goes on until another takes its place."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._last: list[QkdLink] = []

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        self._last = links or self._last
        return self._last, applications


@fault("other-partner", "ETSI015-LINK-2")
class OtherPartner(Behind):
    """Keys are paired with another node than the one that the link leads to."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            others = [one.qkdn_id for one in self.connect.remote_nodes if one.qkdn_id != link.qkdl_remote.qkdn_id]
            link.qkdl_remote.qkdn_id = others[-1]
        return links, applications


@fault("virtual-not-forwarded", "ETSI015-VIRT-1")
class VirtualNotForwarded(Behind):
    """Virtual links are stored, and no forwarding module hears of them."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        return [one for one in links if one.qkdl_type != model.LINK_TYPE_VIRT], applications


@fault("hops-swapped", "ETSI015-VIRT-1")
class HopsSwapped(Behind):
    """The previous hop is taken for the next one, and the other way round."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            before, after = link.virt_prev_hop, list(link.virt_next_hops)
            link.virt_prev_hop = "".join(after)
            link.virt_next_hops[:] = [before] if before else []
        return links, applications


@fault("relayed-keys-of-the-neighbour", "ETSI015-VIRT-2")
class RelayedKeysOfTheNeighbour(Behind):
    """Relayed keys are shared with the next hop, not with the far end."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            hop = link.virt_prev_hop or "".join(link.virt_next_hops)
            link.qkdl_remote.qkdn_id = hop or link.qkdl_remote.qkdn_id
        return links, applications


@fault("virtual-always-on", "ETSI015-VIRT-3")
class VirtualAlwaysOn(Behind):
    """A virtual link that is disabled is forwarded all the same."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for link in links:
            if link.qkdl_type == model.LINK_TYPE_VIRT:
                link.qkdl_enable = True
        return links, applications


@fault("keys-for-half-an-application", "ETSI015-APP-5")
class KeysForHalfAnApplication(Behind):
    """An application is admitted before its other node is known."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for app in applications:
            app.remote_qkdn_id = app.remote_qkdn_id or app.local_qkdn_id
        return links, applications


@fault("nobody-admitted", "ETSI015-APP-1")
class NobodyAdmitted(Behind):
    """Applications are stored, and the KME is not told."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        return links, []


@fault("priority-dropped", "ETSI015-APP-2")
class PriorityDropped(Behind):
    """Every application has priority 0."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for app in applications:
            app.app_priority = 0
        return links, applications


@fault("bandwidth-unbounded", "ETSI015-APP-2")
class BandwidthUnbounded(Behind):
    """max_bandwidth is not told to the KME."""

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        for app in applications:
            app.app_qos.ClearField("max_bandwidth")
        return links, applications


@fault("deleted-applications-served", "ETSI015-APP-6")
class DeletedApplicationsServed(Behind):
    """An application that is deleted is served as before."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._all: dict[str, QkdApplication] = {}

    def taken(self, links: list[QkdLink], applications: list[QkdApplication]) -> _Taken:
        """See `Behind`."""
        self._all |= {one.app_id: one for one in applications}
        return links, list(self._all.values())
