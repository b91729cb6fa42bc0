"""One emulated module: its state machine, driven by the ticks of the plant, and what all roles have in common."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

import grpc

from harness.sdk import ContractError
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical

from .alarms import AlarmBoard
from .exchange import Outcome
from .feed import Feed
from .figures import Reading, Report, performance
from .messages import Kind
from .spec import Setup
from .store import KeyBlockStore
from .verdict import ALIGNING, verdict

_log = logging.getLogger(__name__)
OFF, STARTING, MAINTENANCE = pb.MODULE_STATE_OFF, pb.MODULE_STATE_STARTING, pb.MODULE_STATE_MAINTENANCE
DOWN = (OFF, MAINTENANCE)
REFUSED_CHANNEL = ("WAVELENGTH_OCCUPIED", "SLA_CLASSICAL")


class EmulatedModule(ABC):
    """A QKD module on a port of the plant. All its calls belong to one event loop and none of them waits.

    Attributes:
        module_id, spec, settings, rates: see `Setup`.
        store: its key blocks; a hub's stays empty.
        state: of the state machine.
        peers: module IDs that it is configured for.
        time_s: the plant's time at the end of the present tick, seconds.
        repaired: called when there is another peer.
    """

    role: ClassVar[pb.ModuleRole.ValueType]
    direction: ClassVar[optical.Direction.ValueType]
    peer_count: ClassVar[int] = 1

    def __init__(self, setup: Setup) -> None:
        self.module_id = setup.module_id
        self.spec = setup.spec
        self.settings = setup.settings
        self.rates = setup.rates
        self.store = KeyBlockStore(setup.settings.store_octets)
        self.alarms = AlarmBoard()
        self.state: pb.ModuleState.ValueType = OFF
        self.peers: tuple[str, ...] = ()
        self.time_s = 0.0
        self.repaired: Callable[[], None] = lambda: None
        self._port_id = setup.port_id
        self._channel = ""
        self._sold_with = setup.settings.sold_with
        self._send_plant = setup.send
        self._tick = optical.Tick()
        self._started_ticks = 0
        self._tick_open = self._unpublished = False
        self._patience: asyncio.TimerHandle | None = None
        self._latest = pb.WatchPerformanceResponse(performance=performance(None, 0.0, 0.0, 0.0), state=OFF)
        self._performances: Feed[pb.WatchPerformanceResponse] = Feed()

    # -- what its operator asks for ---------------------------------------------------------------------

    def capabilities(self) -> pb.GetCapabilitiesResponse:
        """What it is and can do."""
        spec, limits, hub = self.spec, self.rates.limits, self.role == pb.MODULE_ROLE_HUB
        return pb.GetCapabilitiesResponse(
            maker=spec.maker,
            model=spec.model,
            serial=hashlib.sha256(self.module_id.encode()).hexdigest()[:12].upper(),
            protocol=spec.protocol,
            role=self.role,
            channels=spec.channels,
            handovers=[] if hub else [spec.handover],
            max_loss_db=limits.max_loss_db,
            clock_hz=limits.clock_hz,
            free_pairing=spec.free_pairing,
            qber_abort=limits.qber_abort,
            excess_noise_abort=limits.excess_noise_abort,
            block_octets=self.settings.block_octets,
        )

    def configure(self, peers: Sequence[str], channel: str) -> None:
        """Sets peer and channel. Another peer than before: blocks still kept are destroyed.

        Raises:
            ContractError: NOT_OFF, CHANNEL_EXCLUDED or PEER_EXCLUDED.
        """
        if self.state != OFF:
            raise _refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_OFF", "only a module that is OFF is configured")
        if channel not in self.spec.channels:
            known = ", ".join(self.spec.channels)
            raise _refusal(grpc.StatusCode.INVALID_ARGUMENT, "CHANNEL_EXCLUDED", f"channels are {known}")
        self._check_peers(tuple(peers))
        if not self.spec.free_pairing and self.role != pb.MODULE_ROLE_HUB:
            self._sold_with = peers[0]
        self._channel = channel
        if tuple(peers) != self.peers:
            self.peers = tuple(peers)
            self.store.begin_pairing()
            self._forget_pairing()
            self.repaired()

    def _check_peers(self, peers: tuple[str, ...]) -> None:
        sold = "" if self.spec.free_pairing or self.role == pb.MODULE_ROLE_HUB else self._sold_with
        wrong = {
            f"takes {self.peer_count} peer(s)": len(peers) != self.peer_count or len(set(peers)) != len(peers),
            "cannot be its own peer": self.module_id in peers,
            f"was sold with {sold}, and works with no other": bool(sold) and peers != (sold,),
        }
        for text, is_so in wrong.items():
            if is_so:
                raise _refusal(grpc.StatusCode.INVALID_ARGUMENT, "PEER_EXCLUDED", f"this module {text}")

    def start(self) -> None:
        """OFF to STARTING; raises `ContractError` NOT_CONFIGURED or IN_MAINTENANCE."""
        if self.state == MAINTENANCE:
            raise _refusal(grpc.StatusCode.FAILED_PRECONDITION, "IN_MAINTENANCE", "end the maintenance first")
        if not self.peers:
            raise _refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_CONFIGURED", "configure the module first")
        if self.state == OFF:
            self._started_ticks = 0
            self._tune()
            self._go(STARTING)

    def stop(self) -> None:
        """To OFF; blocks that are ready stay."""
        self._power_down(OFF)

    def resync(self) -> None:
        """Back to ALIGNING; raises `ContractError` IS_OFF."""
        if self.state in DOWN:
            raise _refusal(grpc.StatusCode.FAILED_PRECONDITION, "IS_OFF", "start the module first")
        if self.state != STARTING:
            self._realign()

    def set_maintenance(self, *, maintenance: bool) -> None:
        """To MAINTENANCE, or from it to OFF."""
        if maintenance:
            self._power_down(MAINTENANCE)
        elif self.state == MAINTENANCE:
            self._go(OFF)

    def status(self) -> pb.GetStatusResponse:
        """State, the figures of the last interval, and the account."""
        account = self.store.account
        return pb.GetStatusResponse(
            state=self.state,
            performance=self._latest.performance,
            distilled_bits=account.distilled,
            handed_over_bits=account.handed_over,
            in_store_bits=account.in_store,
            destroyed_bits=account.destroyed,
        )

    def watch_performance(self) -> AsyncIterator[pb.WatchPerformanceResponse]:
        """The latest, then one an interval."""
        return self._performances.watch((self._latest,))

    # -- what the plant says ----------------------------------------------------------------------------

    def received(self, response: optical.AttachResponse) -> None:
        """A message of the plant."""
        kind = response.WhichOneof("message")
        if kind == "tick":
            self._on_tick(response.tick)
        elif kind == "light":
            self._on_light(response.light)
        elif kind == "service":
            self._on_service(response.service)
        elif kind == "dark":
            self._on_dark(response.dark)
        elif kind == "bell_outcome":
            self._on_bell(response.bell_outcome)
        elif kind == "plugged":
            self.time_s = response.plugged.time_s
            self.alarms.clear(self.time_s, "UNPLUGGED")
            if self.state not in DOWN:
                self._tune()

    def unplugged(self) -> None:
        """The plant is gone, or took the plug out."""
        self._tick_open = False
        self._forget_light()
        if self.state not in DOWN:
            self.alarms.set("UNPLUGGED", self.time_s, "no connection to the fibre plant")
            self._go(ALIGNING)

    def _on_tick(self, tick: optical.Tick) -> None:
        if self._unpublished:
            self._end_of_dark_tick()
        self._tick, self._tick_open, self._unpublished = tick, True, True
        self.time_s = tick.time_s + tick.interval_s
        if self.state == STARTING:
            self._started_ticks += 1
            if self._started_ticks > self.settings.start_ticks:
                self._go(ALIGNING)
        if self.state in (*DOWN, STARTING):
            self._end_tick()
        else:
            self._begin_tick(tick)

    # -- what roles differ in ---------------------------------------------------------------------------

    @abstractmethod
    def _begin_tick(self, tick: optical.Tick) -> None:
        """A tick has begun, and the module is on."""

    def _end_of_dark_tick(self) -> None:
        """The next tick comes, and the last one has no figures yet."""
        self._end_tick()

    def _on_light(self, light: optical.Light) -> None:  # noqa: B027 - those that detect nothing leave it
        """A train arrives."""

    def _on_bell(self, outcome: optical.BellOutcome) -> None:  # noqa: B027 - for hubs
        """A hub's detectors have fired."""

    @abstractmethod
    def _on_service(self, message: optical.ServiceMessage) -> None:
        """A message of the other end (or of a hub)."""

    def _on_dark(self, dark: optical.Dark) -> None:
        """No light, or no channel."""
        if dark.reason in REFUSED_CHANNEL:
            self.alarms.set("CHANNEL_REFUSED", self.time_s, f"{dark.reason}: {dark.text}")

    @abstractmethod
    def _realign(self) -> None:
        """Back to ALIGNING, at both ends."""

    @abstractmethod
    def _forget_light(self) -> None:
        """Nothing of what is under way counts any more."""

    def _forget_pairing(self) -> None:
        """There is another peer."""
        self._forget_light()

    # -- what they have in common -----------------------------------------------------------------------

    def _go(self, state: pb.ModuleState.ValueType) -> None:
        if state != self.state:
            before, after = (pb.ModuleState.Name(one).removeprefix("MODULE_STATE_") for one in (self.state, state))
            _log.info("%s: %s to %s at %.3f s", self.module_id, before, after, self.time_s)
            self.state = state

    def _power_down(self, state: pb.ModuleState.ValueType) -> None:
        self._go(state)
        self._forget_light()
        self.alarms.clear(self.time_s, *self.alarms.standing)
        if self._tick_open:
            self._end_tick()

    def _tune(self) -> None:
        self._send_plant(optical.AttachRequest(tune=optical.Tune(channel=self._channel)))

    def _say(self, octets: bytes, port_id: str = "") -> None:
        self._send_plant(optical.AttachRequest(service=optical.ServiceMessage(port_id=port_id, octets=octets)))

    def _be_patient(self) -> None:
        """Bounds (in real time) how long this module holds up the tick."""
        self._patience = asyncio.get_running_loop().call_later(self.settings.peer_patience_s, self._out_of_patience)

    def _out_of_patience(self) -> None:  # noqa: B027 - for those that wait
        """The other end has not answered."""

    def _tick_done(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._tick_open:
            self._tick_open = False
            self._send_plant(optical.AttachRequest(tick_done=optical.TickDone(number=self._tick.number)))

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        """Publishes the figures of the tick, and says TickDone if that is due yet."""
        if self._unpublished:
            self._unpublished = False
            figures = performance(reading, skr_bps, self.time_s, self._tick.interval_s)
            self._latest = pb.WatchPerformanceResponse(performance=figures, state=self.state)
            self._performances.publish(self._latest)
        self._tick_done()

    def _dark_tick(self, code: str, text: str) -> None:
        """Nothing can come of this tick: `code` says why."""
        self.alarms.set(code, self.time_s, text)
        self._go(ALIGNING)
        self._end_tick()

    def _conclude(self, outcome: Outcome) -> None:
        """An exchange has ended: state, alarms and figures follow from it."""
        report = Report.of_values(outcome.report) if outcome.report else None
        found = verdict(outcome, report, self.state)
        self.alarms.clear(self.time_s, *found.clears)
        if found.alarm:
            self.alarms.set(found.alarm, self.time_s, found.text)
        self._go(found.state)
        if self.store.room(self.settings.block_octets) > 0:
            self.alarms.clear(self.time_s, "STORE_FULL")
        elif outcome.full:
            self.alarms.set("STORE_FULL", self.time_s, "the KMS does not fetch its keys: no more are made")
        made = report is not None and outcome.kind is Kind.OFFER
        self._end_tick(report.reading if report else None, report.reading.skr_bps if report and made else 0.0)


def _refusal(code: grpc.StatusCode, reason: str, message: str) -> ContractError:
    return ContractError(code, reason, message=message)
