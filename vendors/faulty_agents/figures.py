"""Faults in what an agent shows of links, of applications and of the node as a whole."""

from __future__ import annotations

import time

from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.agent_pb2 import QkdLink, SdNode

from .behind import Behind
from .catalogue import fault


class _Links(Behind):
    """Changes each link that is shown."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for link in node.qkd_links:
            self.link(link)
        return node

    def link(self, link: QkdLink) -> None:
        """One link."""


@fault("always-active", "ETSI015-LINK-3")
class AlwaysActive(_Links):
    """Every link is shown as ACTIVE."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        link.qkdl_status = model.LINK_STATUS_ACTIVE


@fault("never-passive", "ETSI015-LINK-6")
class NeverPassive(_Links):
    """A link that makes no keys is OFF, whatever is left."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        if link.qkdl_status == model.LINK_STATUS_PASSIVE:
            link.qkdl_status = model.LINK_STATUS_OFF


@fault("never-off", "ETSI015-LINK-6")
class NeverOff(_Links):
    """A link that is disabled is PASSIVE, also when no keys are left."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        if link.qkdl_status == model.LINK_STATUS_OFF:
            link.qkdl_status = model.LINK_STATUS_PASSIVE


@fault("rate-of-the-data-sheet", "ETSI015-PERF-1")
class RateOfTheDataSheet(_Links):
    """skr is what the maker promises, always."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        link.qkdl_performance.skr = 2000


@fault("more-left-than-made", "ETSI015-PERF-2")
class MoreLeftThanMade(_Links):
    """eskr counts what is in stock on top."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        link.qkdl_performance.eskr = link.qkdl_performance.skr + 100


@fault("qber-in-permille", "ETSI015-PERF-3")
class QberInPermille(_Links):
    """QBER is ten times what per cent would be."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        for one in link.qkdl_performance.phys_perf:
            if one.perf_type == model.PERFORMANCE_TYPE_QBER:
                one.value *= 10


@fault("qber-missing", "ETSI015-PERF-3")
class QberMissing(_Links):
    """No figures of the physical layer are shown, for fear of the defect of the model."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        link.qkdl_performance.ClearField("phys_perf")


@fault("qber-invented", "ETSI015-PERF-4")
class QberInvented(_Links):
    """A link of continuous variables has a QBER, too."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        figures = link.qkdl_performance.phys_perf
        if figures and all(one.perf_type != model.PERFORMANCE_TYPE_QBER for one in figures):
            figures.add(perf_type=model.PERFORMANCE_TYPE_QBER, value=0.0)


@fault("largest-consumer-only", "ETSI015-PERF-5")
class LargestConsumerOnly(_Links):
    """expected_consumption is that of the largest application."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        most = max((app.app_qos.max_bandwidth for app in self.applications), default=0)
        link.qkdl_performance.expected_consumption = min(link.qkdl_performance.expected_consumption, most)


@fault("nothing-reserved", "ETSI015-VIRT-4")
class NothingReserved(_Links):
    """eskr is skr, whatever goes over the link."""

    def link(self, link: QkdLink) -> None:
        """See `_Links`."""
        link.qkdl_performance.eskr = link.qkdl_performance.skr


@fault("always-operating", "ETSI015-TREE-6")
class AlwaysOperating(Behind):
    """The node is OPERATING whatever its parts do."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        node.qkdn_status = model.NODE_STATUS_OPERATING
        return node


@fault("always-new", "ETSI015-TREE-3")
class AlwaysNew(Behind):
    """The node never leaves NEW."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        node.qkdn_status = model.NODE_STATUS_NEW
        return node


@fault("token-in-the-version", "ETSI015-SEC-1")
class TokenInTheVersion(Behind):
    """qkdn_version shows how the modules are reached, tokens included."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        node.qkdn_version = "1.0 " + " ".join(one.token for one in self.connect.modules)
        return node


@fault("expired-stays-on", "ETSI015-APP-7")
class ExpiredStaysOn(Behind):
    """An application whose time is over is shown as ON."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for app in node.qkd_applications:
            app.app_status = model.APPLICATION_STATUS_ON
        return node


@fault("never-on", "ETSI015-APP-3")
class NeverOn(Behind):
    """Applications are DISCONNECTED from the beginning."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for app in node.qkd_applications:
            app.app_status = model.APPLICATION_STATUS_DISCONNECTED
        return node


@fault("created-just-now", "ETSI015-APP-8")
class CreatedJustNow(Behind):
    """creation_time is when it is read."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for app in node.qkd_applications:
            app.creation_time.FromMicroseconds(round(time.time() * 1e6))
        return node


@fault("bits-counted-in-octets", "ETSI015-APP-9")
class BitsCountedInOctets(Behind):
    """consumed_bits counts octets."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for app in node.qkd_applications:
            for period in app.statistics:
                period.consumed_bits //= 8
        return node


@fault("periods-overlap", "ETSI015-APP-10")
class PeriodsOverlap(Behind):
    """Every period begins when the application was made."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for app in node.qkd_applications:
            for period in app.statistics:
                period.start_time.CopyFrom(app.creation_time)
        return node
