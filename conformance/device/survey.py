"""Looks at a pair of modules before anything is planned: what they can, and at which loss they make keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rapidfuzz import process

from conformance.device.lab import DeviceLab
from conformance.device.pair import MAKING, Pair
from harness.campaign.check import Inconclusive
from harness.campaign.ics import Claim, Ics, IcsValue, Origin
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.contract import ContractError
from harness.hosting import HostingError
from harness.testbed.module_bench import ONE, PAIR, Fibre
from qkd.device.v1 import module_pb2 as pb

CLAIMS: Final[Mapping[str, tuple[type, str]]] = {
    "model": (str, "the model to test, where the maker has several that fit"),
}
"""What a maker can claim under ``[ics.device]`` in a target file: type and meaning. Models claim by `claims_of`."""

CONTINUOUS: Final = (pb.PROTOCOL_CV_GAUSSIAN, pb.PROTOCOL_CV_QPSK)
_SHARES: Final = (0.08, 0.15, 0.25, 0.35, 0.5)
_MARGIN: Final = 0.7
_DB_PER_KM: Final = 0.25
_NEAR_DB: Final = 0.5
_SETTLE_TICKS: Final = 6
_BLOCKS_A_TICK: Final = 5.0
_TICK_S: Final = (0.02, 4.0)
_WHERE: Final = "GetCapabilities"


def survey(lab: DeviceLab, claims: Mapping[str, IcsValue]) -> Survey:
    """Find a working point, and make the ICS as used.

    Raises:
        SuiteUnreachable: the modules do not come up.
    """
    notes: list[str] = []
    for name in claims:
        if name not in CLAIMS and name not in {"models", "variants"}:
            near = process.extractOne(name, CLAIMS.keys(), score_cutoff=60)
            notes.append(f"ICS: {name!r} is not known and not used" + (f"; is {near[0]!r} meant?" if near else ""))
    model = claims.get("model", lab.model)
    lab.model = model if isinstance(model, str) else lab.model
    try:
        ics = _ics(lab, notes)
    except (HostingError, ContractError, LookupError) as wrong:
        raise SuiteUnreachable(f"no pair of modules comes up: {wrong}") from None
    notes.append(
        f"working point: {lab.fibre.loss_db:.1f} dB, {lab.fibre.length_km:.0f} km, ticks of {lab.fibre.tick_s:.3g} s"
    )
    return Survey(ics, frozenset(), tuple(notes))


def _ics(lab: DeviceLab, notes: list[str]) -> Ics:
    with lab.pair(Fibre(loss_db=_NEAR_DB, length_km=_NEAR_DB / _DB_PER_KM, tick_s=_TICK_S[0])) as pair:
        said = pair.capabilities[ONE]
        hub = pair.has_hub
        handover = pair.bench.handover
        lab.fibre = _working_point(pair, said, notes)
    found: dict[str, IcsValue] = {
        "model": said.model,
        "protocol": pb.Protocol.Name(said.protocol).removeprefix("PROTOCOL_"),
        "handover": pb.Handover.Name(handover).removeprefix("HANDOVER_"),
        "numbered": handover in (pb.HANDOVER_STREAM, pb.HANDOVER_TCP_PUSH),
        "stream": pb.HANDOVER_STREAM in said.handovers,
        "push": handover == pb.HANDOVER_TCP_PUSH,
        "hub": hub,
        "free_pairing": said.free_pairing,
        "continuous": said.protocol in CONTINUOUS,
    }
    return Ics(tuple(Claim(name, value, Origin.DISCOVERED, _WHERE) for name, value in found.items()))


def _working_point(pair: Pair, said: pb.GetCapabilitiesResponse, notes: list[str]) -> Fibre:
    """Well below the largest loss at which the modules make keys, with a few blocks in every tick.

    Where they do not run at all it is a guess: that they do not is for the cases to find.
    """
    losses = [share * said.max_loss_db for share in _SHARES]
    most, rate_bps = losses[0], 0.0
    try:
        pair.to_running()
        for loss_db in losses:
            pair.disturb(added_loss_db=max(0.0, loss_db - _NEAR_DB))
            pair.advance(_SETTLE_TICKS)
            skr = min(pair.status(end).performance.skr_bps for end in PAIR)
            if skr <= 0 or not all(pair.state(end) in MAKING for end in PAIR):
                break
            most, rate_bps = loss_db, skr
    except Inconclusive as why:
        notes.append(f"no working point was found: {why}")
    loss_db = _MARGIN * most
    blocks_per_s = rate_bps / (8 * max(1, said.block_octets))
    low, high = _TICK_S
    tick_s = min(high, max(low, _BLOCKS_A_TICK / blocks_per_s)) if blocks_per_s else 1.0
    return Fibre(loss_db=loss_db, length_km=loss_db / _DB_PER_KM, tick_s=tick_s)
