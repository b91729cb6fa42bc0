"""Faults of what a module takes and refuses."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from harness.sdk import ContractError
from qkd.device.v1 import module_pb2 as pb
from vendors.emulation.module import MAINTENANCE, OFF, EmulatedModule

from .catalogue import fault


@fault("no-token-asked-for", caught_by=["DEV-AUTH-1"], guarded=False)
class NoTokenAskedFor(EmulatedModule):
    """The control interface answers whoever reaches it: it is "on a private network"."""


@fault("start-unconfigured-taken", caught_by=["DEV-START-1"])
class StartUnconfigured(EmulatedModule):
    """Start is answered with OK when there is no peer, and does nothing."""

    def start(self) -> None:
        """Starts when it can."""
        if self.peers:
            super().start()


@fault("start-in-maintenance-taken", caught_by=["DEV-START-4"])
class StartInMaintenance(EmulatedModule):
    """Start ends a maintenance that somebody else began."""

    def start(self) -> None:
        """From wherever it is."""
        if self.state == MAINTENANCE and self.peers:
            self.state = OFF
        super().start()


@fault("start-again-restarts", caught_by=["DEV-START-3"])
class StartAgainRestarts(EmulatedModule):
    """Start of a module that is on begins from the beginning."""

    def start(self) -> None:
        """Always anew."""
        if self.state not in (OFF, MAINTENANCE):
            self.stop()
        super().start()


@fault("configured-while-on", caught_by=["DEV-CONF-6"])
class ConfiguredWhileOn(EmulatedModule):
    """Configure is answered with OK while it runs; it counts from the next start on."""

    def configure(self, peers: Sequence[str], channel: str) -> None:
        """Says yes."""
        if self.state == OFF:
            super().configure(peers, channel)


@fault("wrong-code-when-on", caught_by=["DEV-CONF-6"])
class WrongCodeWhenOn(EmulatedModule):
    """Configure while it runs is refused as INVALID_ARGUMENT: the operator looks for an error that is not there."""

    def configure(self, peers: Sequence[str], channel: str) -> None:
        """Refuses with another code."""
        if self.state != OFF:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "BUSY", message="busy")
        super().configure(peers, channel)


@fault("any-channel-taken", caught_by=["DEV-CONF-2"])
class AnyChannel(EmulatedModule):
    """Configure takes whatever channel it is given."""

    def configure(self, peers: Sequence[str], channel: str) -> None:
        """Without a look at the channel."""
        super().configure(peers, channel if channel in self.spec.channels else self.spec.channels[0])


@fault("any-peer-taken", caught_by=["DEV-CONF-3"])
class AnyPeer(EmulatedModule):
    """A module that was sold in a pair lets itself be configured with any other."""

    def configure(self, peers: Sequence[str], channel: str) -> None:
        """Forgets whom it was sold with."""
        self._sold_with = ""
        super().configure(peers, channel)


@fault("resync-when-off-taken", caught_by=["DEV-RESYNC-3"])
class ResyncWhenOff(EmulatedModule):
    """Resync of a module that is OFF is answered with OK."""

    def resync(self) -> None:
        """When it is on."""
        if self.state not in (OFF, MAINTENANCE):
            super().resync()


@fault("resync-does-nothing", caught_by=["DEV-RESYNC-1"])
class ResyncDoesNothing(EmulatedModule):
    """Resync is answered with OK while all goes well, and nothing is aligned."""

    def resync(self) -> None:
        """Checks whether it might."""
        state = self.state
        super().resync()
        self.state = state


@fault("capabilities-change", caught_by=["DEV-CAP-5"])
class CapabilitiesChange(EmulatedModule):
    """The largest loss that it states is the one that it has just learned to cope with."""

    def capabilities(self) -> pb.GetCapabilitiesResponse:
        """More when it runs."""
        said = super().capabilities()
        said.max_loss_db += 1.0 if self.state != OFF else 0.0
        return said


@fault("claims-another-length", caught_by=["DEV-BLOCK-5"])
class ClaimsAnotherLength(EmulatedModule):
    """The block length of its capabilities is in bits."""

    def capabilities(self) -> pb.GetCapabilitiesResponse:
        """Eight times too much."""
        said = super().capabilities()
        said.block_octets *= 8
        return said


@fault("plays-another-role", caught_by=["DEV-CAP-2"])
class PlaysAnotherRole(EmulatedModule):
    """Both ends say that they are transmitters: the field was never set for the other."""

    def capabilities(self) -> pb.GetCapabilitiesResponse:
        """Always the transmitter."""
        said = super().capabilities()
        said.role = pb.MODULE_ROLE_TRANSMITTER
        return said
