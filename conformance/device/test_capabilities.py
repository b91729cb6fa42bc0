"""What a module says that it is: sound, as it was asked for, and the same all the time."""

from __future__ import annotations

from typing import Any, Final

from conformance.device.lab import DeviceLab
from conformance.device.pair import Pair
from conformance.device.survey import CONTINUOUS
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import HUB, ONE, OTHER, PAIR
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2

_CLAIMED: Final = (
    "protocol",
    "channels",
    "free_pairing",
    "clock_hz",
    "max_loss_db",
    "qber_abort",
    "excess_noise_abort",
)


@case("device.capabilities.sound", "DEV-CAP-1", "DEV-CAP-2", "DEV-CAP-3", "DEV-CAP-4")
def test_capabilities_are_sound(pair: Pair, check: Check) -> None:
    """Each module says who made it and what it can, within the bounds of the contract, and fits its other end."""
    for end in pair.ends:
        said = pair.capabilities[end]
        check("DEV-CAP-1", not _faults(said), expected="all members within their bounds", got=f"{end}: {_faults(said)}")
        module = pair.bench.modules[end]
        fits = said.role == module.role and (not module.model or said.model == module.model)
        got = f"{end}: {said.model!r} as {pb.ModuleRole.Name(said.role)}"
        check("DEV-CAP-2", fits, expected=f"{module.model!r} as {pb.ModuleRole.Name(module.role)}", got=got)
        continuous = said.protocol in CONTINUOUS
        figures = (said.qber_abort > 0, said.excess_noise_abort > 0)
        got = f"{end}: {pb.Protocol.Name(said.protocol)}, QBER {said.qber_abort:g}, noise {said.excess_noise_abort:g}"
        check("DEV-CAP-3", figures == (not continuous, continuous), expected="the threshold of its protocol", got=got)
    one, other = pair.capabilities[ONE], pair.capabilities[OTHER]
    same = (one.protocol, one.block_octets, *one.handovers) == (other.protocol, other.block_octets, *other.handovers)
    got = "the same" if same else f"blocks of {one.block_octets} and {other.block_octets} octets, or other protocols"
    check("DEV-CAP-4", same, expected="one protocol, block length and hand-over at both ends", got=got)


def _faults(said: pb.GetCapabilitiesResponse) -> str:
    wrong = {
        "no maker": not said.maker,
        "no model": not said.model,
        "no protocol": said.protocol == pb.PROTOCOL_UNSPECIFIED,
        "no role": said.role == pb.MODULE_ROLE_UNSPECIFIED,
        "no channel": not said.channels or len(set(said.channels)) < len(said.channels),
        "no hand-over": not said.handovers and said.role != pb.MODULE_ROLE_HUB,
        "max_loss_db": said.max_loss_db <= 0,
        "clock_hz": said.clock_hz <= 0,
        "qber_abort": not 0 <= said.qber_abort <= 0.5,
        "excess_noise_abort": said.excess_noise_abort < 0,
        "block_octets": not 0 < said.block_octets <= 1 << 20,
    }
    return ", ".join(name for name, is_so in wrong.items() if is_so)


@case("device.capabilities.fixed", "DEV-CAP-5")
def test_capabilities_do_not_change(pair: Pair, check: Check) -> None:
    """GetCapabilities says the same when OFF, configured, running, without light, stopped and in maintenance."""
    _same(pair, check, "OFF")
    pair.to_running()
    _same(pair, check, "running")
    pair.disturb(cut=plant_pb2.Cut())
    pair.advance(3)
    _same(pair, check, "without light")
    for end in pair.ends:
        pair.call(end, "Stop")
    _same(pair, check, "stopped")
    for end in pair.ends:
        pair.maintenance(end, on=True)
    _same(pair, check, "in maintenance")


def _same(pair: Pair, check: Check, when: str) -> None:
    for end in pair.ends:
        said = pair.call(end, "GetCapabilities")
        held = said == pair.capabilities[end]
        check("DEV-CAP-5", held, expected="as when it was raised", got=f"{end}, {when}: {'same' if held else 'other'}")


@case("device.ics.claims", "DEV-ICS-1")
def test_the_claims_agree_with_the_capabilities(lab: DeviceLab, pair: Pair, check: Check) -> None:
    """What the maker claims of a model is what the module says of itself."""
    claims = lab.claims
    for end in pair.ends:
        said = pair.capabilities[end]
        wrong = _contradicted(claims.get(said.model, {}), said)
        check("DEV-ICS-1", not wrong, expected="claims as in GetCapabilities", got=f"{end}: {wrong or 'none differs'}")


def _contradicted(claimed: dict[str, Any], said: pb.GetCapabilitiesResponse) -> str:
    told: dict[str, Any] = {name: getattr(said, name) for name in _CLAIMED}
    told["protocol"] = pb.Protocol.Name(said.protocol)
    told["channels"] = list(said.channels)
    return ", ".join(name for name, value in told.items() if name in claimed and claimed[name] != value)


@case("device.token.refused", "DEV-AUTH-1", "DEV-AUTH-2")
def test_a_wrong_token_is_refused(running: Pair, check: Check) -> None:
    """A call with another token is UNAUTHENTICATED and changes nothing; with the right one it is answered."""
    end = ONE
    right = running.answer(end, "GetStatus")
    check.require(right == "OK", f"GetStatus with the right token: {right}")
    before = running.sample().statuses[end]
    for token in ("", "x" * 32, running.bench.modules[OTHER].token):
        for method in ("GetCapabilities", "GetStatus", "Stop", "Resync", "ReleaseKeyBlocks"):
            answer = running.answer(end, method, token=token)
            check("DEV-AUTH-1", answer == "UNAUTHENTICATED", expected="UNAUTHENTICATED", got=f"{method}: {answer}")
        for method in ("StreamKeyBlocks", "WatchPerformance", "WatchAlarms"):
            answer, came = running.first_of(end, method, token=token, bound_s=3.0)
            refused = answer == "UNAUTHENTICATED" and came is None
            check("DEV-AUTH-1", refused, expected="UNAUTHENTICATED", got=f"{method}: {answer}")
    after = running.sample().statuses[end]
    check("DEV-AUTH-2", before == after, expected="nothing has changed", got=running.states())


@case("device.hub.keyless", "DEV-HUB-1", "DEV-HUB-2", ics={"hub": True})
def test_the_hub_never_has_a_key(running: Pair, check: Check) -> None:
    """While its senders make keys, the hub's account stays at nothing, and it hands no block over."""
    running.gather(20)
    status = running.status(HUB)
    account = (status.distilled_bits, status.handed_over_bits, status.in_store_bits, status.destroyed_bits)
    check("DEV-HUB-1", not any(account), expected="no key bits in its account", got=f"{account} bits")
    answer, block = running.first_of(HUB, "StreamKeyBlocks", bound_s=0.3)
    handovers = len(running.capabilities[HUB].handovers)
    keyless = answer == "UNIMPLEMENTED" and not handovers and block is None
    check("DEV-HUB-2", keyless, expected="no hand-over, StreamKeyBlocks UNIMPLEMENTED", got=f"{handovers}, {answer}")


@case("device.provision.off", "DEV-PROV-1", "DEV-STATUS-1")
def test_a_new_module_is_off_and_empty(pair: Pair, check: Check) -> None:
    """A module that was just raised is OFF, and its account is empty."""
    for end in pair.ends:
        status = pair.status(end)
        check("DEV-PROV-1", pair.state(end) == "OFF", expected="OFF", got=f"{end}: {pair.state(end)}")
        empty = status.distilled_bits == status.in_store_bits == 0
        check("DEV-STATUS-1", empty, expected="nothing made, nothing in store", got=f"{end}: {status.distilled_bits}")


@case("device.handover.stream-only-if-named", "DEV-HAND-1", ics={"stream": False})
def test_no_stream_where_another_hand_over_is_named(running: Pair, check: Check) -> None:
    """Where keys leave in another way only, StreamKeyBlocks and ReleaseKeyBlocks are UNIMPLEMENTED."""
    running.advance(3)
    for end in PAIR:
        answer, _ = running.first_of(end, "StreamKeyBlocks", bound_s=1.0)
        check("DEV-HAND-1", answer == "UNIMPLEMENTED", expected="UNIMPLEMENTED", got=f"{end}: {answer}")
