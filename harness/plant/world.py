"""The physical state of a plant at one time: connections, channels, disturbances, and what they do to light."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import grpc

from harness.contract import ContractError
from harness.plant import physics
from harness.plant.fabric import Fabric, Hop, Way
from harness.plant.physics import Piece
from harness.plant.plan import PlantPlan
from harness.plant.spectrum import Refusal, Spectrum
from qkd.optical.v1 import plant_pb2

_CHANNEL = re.compile(r"C-[1-9][0-9]?|O")


@dataclass(frozen=True, slots=True)
class SpanState:
    """The disturbances of a span; names and units as in ``qkd.optical.v1.Disturbance``."""

    cut: bool = False
    added_loss_db: float = 0.0
    bend_loss_db: float = 0.0
    intercept_resend: float = 0.0
    temperature_offset_c: float = 0.0
    tampered_service: float = 0.0


_CALM = SpanState()


class World:
    """What is connected and disturbed, and what a signal meets. It knows no modules and no clock.

    Args:
        plan: of the plant.

    Attributes:
        fabric: the present connections.
        spectrum: the channels that are lit.
    """

    def __init__(self, plan: PlantPlan) -> None:
        self.plan = plan
        self.fabric = Fabric(plan)
        self.spectrum = Spectrum(plan.spans)
        self._spans = {span.link_id: span for span in plan.spans}
        self._states: dict[str, SpanState] = {}
        self._ports = {port.port_id: port for port in plan.ports}
        # What does not change with time, until somebody changes it.
        self._ways: dict[str, Way] = {}
        self._pieces: dict[tuple[str, bool], Piece] = {}

    # -- what can be done to it -------------------------------------------------------------------------

    def disturb(self, disturbance: plant_pb2.Disturbance, *, clear: bool = False) -> None:
        """Puts a disturbance on a span or takes away that of its kind.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_LINK; INVALID_ARGUMENT / NO_KIND.
        """
        link, kind = disturbance.link_id, disturbance.WhichOneof("kind")
        if link not in self._spans:
            raise ContractError(grpc.StatusCode.NOT_FOUND, "UNKNOWN_LINK", message=f"the plant has no link {link}")
        if kind is None:
            raise ContractError(
                grpc.StatusCode.INVALID_ARGUMENT, "NO_KIND", message=f"what happens to link {link} is not said"
            )
        calm = getattr(_CALM, kind)
        value = calm if clear else True if kind == "cut" else getattr(disturbance, kind)
        self._states[link] = replace(self._states.get(link, _CALM), **{kind: value})
        self._pieces.clear()

    def disturbances(self) -> Iterator[plant_pb2.Disturbance]:
        """All that stand."""
        for link, state in sorted(self._states.items()):
            for kind, value in asdict(state).items():
                if kind == "cut" and value:
                    yield plant_pb2.Disturbance(link_id=link, cut=plant_pb2.Cut())
                elif value:
                    yield plant_pb2.Disturbance(link_id=link, **{kind: value})

    def cross_connect(self, switch_id: str, one_port: str, other_port: str, *, opened: bool = False) -> None:
        """Connects two ports of a switch or opens the connection; all lit signals follow, or nothing changes.

        Raises:
            ContractError: as `Fabric.connect`; FAILED_PRECONDITION / WAVELENGTH_OCCUPIED, SLA_CLASSICAL when a
                signal that is lit would come where it must not.
        """
        fabric, spectrum = self.fabric.copied(), Spectrum(self.plan.spans)
        (fabric.open if opened else fabric.connect)(switch_id, one_port, other_port)
        for lit in self.spectrum.lit():
            if refusal := spectrum.light(lit.port_id, lit.channel, fabric.way(lit.port_id).hops):
                text = f"the light of {lit.port_id} would come where it must not: {refusal.text}"
                raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, refusal.reason, message=text)
        self.fabric, self.spectrum = fabric, spectrum
        self._ways.clear()
        self._pieces.clear()

    def light(self, port_id: str, channel: str) -> Refusal | None:
        """Lights a sender's channel as far as its light goes; the reason when it may not be.

        Raises:
            ContractError: INVALID_ARGUMENT / UNKNOWN_CHANNEL.
        """
        if self.spectrum.holds(port_id, channel):
            return None
        check_channel(channel)
        return self.spectrum.light(port_id, channel, self.way(port_id).hops)

    # -- what a signal meets ----------------------------------------------------------------------------

    def way(self, start: str) -> Way:
        """Where light goes from a port or arm."""
        if (way := self._ways.get(start)) is None:
            way = self._ways[start] = self.fabric.way(start)
        return way

    def cut_link(self, way: Way) -> str:
        """The first link of a way that is cut; empty = none is."""
        return next((hop.link_id for hop in way.hops if self._state(hop).cut), "")

    def path_state(self, start: str, channel: str, time_s: float) -> plant_pb2.PathState:
        """What a signal from a port meets until where its way ends, at a time of the plant."""
        o_band = channel == physics.O_BAND
        key = (start, o_band)
        if (whole := self._pieces.get(key)) is None:
            whole = self._pieces[key] = physics.along(
                self._piece(step, o_band=o_band) for step in self.way(start).steps
            )
        return plant_pb2.PathState(
            loss_db=whole.loss_db,
            length_km=whole.length_km,
            noise_photons_per_s_nm=whole.noise_photons_per_s_nm,
            error_probability=self._error(self.way(start), time_s),
            intercepted=whole.intercepted,
        )

    def tampered(self, way: Way) -> float:
        """Share of the service messages on a way in which a bit is turned."""
        return physics.combined(self._state(hop).tampered_service for hop in way.hops)

    def temperature_c(self, port_id: str, time_s: float) -> float:
        """Around a module: of its site, and what disturbs the links that begin there and that its light takes."""
        port = self._ports[port_id]
        warmth = 0.0
        for start in self.fabric.arms(port_id) or (port_id,):
            for hop in self.way(start).hops:
                span = self._spans[hop.link_id]
                if port.site in (span.one_site, span.other_site):
                    warmth += self._state(hop).temperature_offset_c
        return warmth + physics.site_temperature_c(self.plan.seed, port.site, self.plan.ambient_c, time_s)

    def _state(self, hop: Hop) -> SpanState:
        return self._states.get(hop.link_id, _CALM)

    def _piece(self, step: Hop | str, *, o_band: bool) -> Piece:
        if isinstance(step, str):
            return Piece(physics.SWITCH_LOSS_DB if step else physics.CONNECTOR_LOSS_DB)
        span, state = self._spans[step.link_id], self._state(step)
        disturbed = physics.disturbance_loss_db(state.added_loss_db, state.bend_loss_db, o_band=o_band)
        channels = len(span.classical_channels) if span.co_propagating is None else span.co_propagating
        noise = physics.raman_photons_per_s_nm(
            channels, span.length_km, span.loss_c_db, span.loss_o_db, o_band=o_band, launch_dbm=span.classical_dbm
        )
        return Piece(
            loss_db=(span.loss_o_db if o_band else span.loss_c_db) + disturbed,
            length_km=span.length_km,
            # The disturbance is taken to sit at the far end: it weakens the noise as it does the signal.
            noise_photons_per_s_nm=noise * physics.transmission(disturbed),
            intercepted=state.intercept_resend,
        )

    def _error(self, way: Way, time_s: float) -> float:
        error = physics.BASE_ERROR
        for hop in way.hops:
            span, warmth = self._spans[hop.link_id], self._state(hop).temperature_offset_c
            turned = physics.misalignment(self.plan.seed, hop.link_id, span.length_km, time_s, warmth)
            error = physics.either(error, turned)
        return error


def check_channel(channel: str) -> None:
    """Raises `ContractError` (INVALID_ARGUMENT / UNKNOWN_CHANNEL) unless a channel is written as the field does."""
    if not _CHANNEL.fullmatch(channel):
        text = f"{channel!r} is no channel; write C-1 to C-99 (ITU grid), or O for 1310 nm"
        raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_CHANNEL", message=text)
