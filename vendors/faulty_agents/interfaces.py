"""Faults in what an agent shows of its interfaces."""

from __future__ import annotations

from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.agent_pb2 import QkdInterface, SdNode

from .behind import Behind
from .catalogue import fault

_ENABLED, _DISABLED, _FAILED = (
    model.INTERFACE_STATUS_ENABLED,
    model.INTERFACE_STATUS_DISABLED,
    model.INTERFACE_STATUS_FAILED,
)


class _Interfaces(Behind):
    """Changes each interface that is shown."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        for one in node.qkd_interfaces:
            self.interface(one)
        return node

    def interface(self, one: QkdInterface) -> None:
        """One interface."""


@fault("last-interface-missing", "ETSI015-IF-1")
class LastInterfaceMissing(Behind):
    """The last interface is left out."""

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        if len(node.qkd_interfaces) > 2:
            del node.qkd_interfaces[-1]
        return node


@fault("interfaces-stay", "ETSI015-IF-1")
class InterfacesStay(Behind):
    """An interface that was there once is shown for ever."""

    seen: dict[int, QkdInterface] = {}  # noqa: RUF012 - outlives the node: that is the fault

    def shown(self, node: SdNode) -> SdNode:
        """See `Behind`."""
        there = {one.qkdi_id for one in node.qkd_interfaces}
        for one in node.qkd_interfaces:
            self.seen[one.qkdi_id] = one
        node.qkd_interfaces.extend(one for number, one in self.seen.items() if number not in there)
        return node


@fault("wrong-technology", "ETSI015-IF-2")
class WrongTechnology(_Interfaces):
    """Every module is DV-QKD."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        one.qkdi_type = model.TECHNOLOGY_DV_QKD


@fault("ports-from-zero", "ETSI015-IF-3")
class PortsFromZero(_Interfaces):
    """Ports are counted from 0, one less than on the switch."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        one.port -= 1


@fault("first-channel-only", "ETSI015-IF-4")
class FirstChannelOnly(_Interfaces):
    """wavelength_range has the first channel alone."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        one.wavelength_range = one.wavelength_range.replace(",", "-").partition("-")[0]


@fault("never-enabled", "ETSI015-IF-5")
class NeverEnabled(_Interfaces):
    """Interfaces are DISABLED while their modules work."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        if one.qkdi_status == _ENABLED:
            one.qkdi_status = _DISABLED


@fault("failures-hidden", "ETSI015-IF-6")
class FailuresHidden(_Interfaces):
    """An interface that has failed is shown as ENABLED."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        if one.qkdi_status == _FAILED:
            one.qkdi_status = _ENABLED


@fault("failures-are-disabled", "ETSI015-IF-6")
class FailuresAreDisabled(_Interfaces):
    """An interface that has failed is shown as DISABLED."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        if one.qkdi_status == _FAILED:
            one.qkdi_status = _DISABLED


@fault("off-is-enabled", "ETSI015-IF-7")
class OffIsEnabled(_Interfaces):
    """An interface whose module is off is shown as ENABLED."""

    def interface(self, one: QkdInterface) -> None:
        """See `_Interfaces`."""
        if one.qkdi_status == _DISABLED:
            one.qkdi_status = _ENABLED
