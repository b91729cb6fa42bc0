"""What a tick's outcome means for a module: its state, its alarms, the rate it states."""

from __future__ import annotations

from dataclasses import dataclass

from qkd.device.v1 import module_pb2 as pb

from .exchange import Outcome
from .figures import Report
from .messages import Kind

ALIGNING, RUNNING = pb.MODULE_STATE_ALIGNING, pb.MODULE_STATE_RUNNING
DEGRADED, ABORTED = pb.MODULE_STATE_DEGRADED, pb.MODULE_STATE_ABORTED
_OF_A_TICK = ("LOSS_OF_LIGHT", "PEER_SILENT", "PEER_MISMATCH", "TAMPERED", "CHANNEL_REFUSED", "LAPSE")
_CAUSES = ("QBER_HIGH", "EXCESS_NOISE_HIGH", "LOSS_TOO_HIGH", "VISIBILITY_LOW", "NO_SECRET_KEY")
_TEXTS = {
    "TAMPERED": "a service message was changed on its way, or the other end is not the configured peer",
    "PEER_SILENT": "no answer from the other end",
    "PEER_MISMATCH": "the other end makes blocks of another length",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """State after a tick, the alarm to raise (empty = none) with its text, and the alarms that no longer stand."""

    state: pb.ModuleState.ValueType
    alarm: str = ""
    text: str = ""
    clears: tuple[str, ...] = ()


def verdict(outcome: Outcome, report: Report | None, state: pb.ModuleState.ValueType) -> Verdict:
    """What follows from an outcome in a state; `report` has the figures, if they came."""
    if outcome.kind is Kind.OFFER and report is not None:
        cause = report.reading.cause
        clears = (*_OF_A_TICK, *(one for one in _CAUSES if one != cause))
        if cause:
            return Verdict(ABORTED, cause, "no secret key can be made; tries again with each tick", clears)
        return Verdict(DEGRADED if report.slow else RUNNING, clears=clears)
    if outcome.kind is Kind.IDLE:
        return Verdict(ALIGNING, "PEER_SILENT", "the other end is off, starting or in maintenance")
    if outcome.kind is Kind.ALIGN or outcome.reason == "RESYNC":
        return Verdict(ALIGNING, clears=_OF_A_TICK)
    reason = outcome.reason if outcome.reason in _TEXTS else "TAMPERED"
    return Verdict(DEGRADED if state == RUNNING else state, reason, _TEXTS[reason])
