"""Whom a module makes keys with, and on which channel: what is taken and what is refused."""

from __future__ import annotations

from conformance.device.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import PAIR
from qkd.device.v1 import module_pb2 as pb

_INVALID, _FAILED = "INVALID_ARGUMENT", "FAILED_PRECONDITION"


@case("device.configure.channel", "DEV-CONF-1", "DEV-CONF-2")
def test_a_channel_that_it_has_not_is_refused(pair: Pair, check: Check) -> None:
    """Configure takes each of its channels, and refuses one that its capabilities exclude."""
    for end in pair.ends:
        for channel in pair.capabilities[end].channels:
            answer = pair.configure(end, channel=channel)
            check("DEV-CONF-1", answer == "OK", expected="OK", got=f"{end}, {channel}: {answer}")
        for channel in (_other_channel(pair, end), "X-1"):
            answer = pair.configure(end, channel=channel)
            check("DEV-CONF-2", answer == _INVALID, expected=_INVALID, got=f"{end}, {channel}: {answer}")


def _other_channel(pair: Pair, end: str) -> str:
    known = set(pair.capabilities[end].channels)
    return next(name for name in ("O", *(f"C-{number}" for number in range(1, 100))) if name not in known)


@case("device.configure.peer", "DEV-CONF-3", ics={"free_pairing": False})
def test_a_peer_that_it_was_not_sold_with_is_refused(pair: Pair, check: Check) -> None:
    """A module without free pairing takes its peer, and refuses another one afterwards."""
    for end in PAIR:
        check.require(pair.configure(end) == "OK", f"{end} does not take its own peer")
        answer = pair.configure(end, peers=["elsewhere/m"])
        check("DEV-CONF-3", answer == _INVALID, expected=_INVALID, got=f"{end}, another module: {answer}")


@case("device.configure.free-pairing", "DEV-CONF-4", ics={"free_pairing": True})
def test_free_pairing_takes_another_peer(pair: Pair, check: Check) -> None:
    """A module with free pairing takes another peer, and the first one again."""
    for end in PAIR:
        for peers in (None, ["elsewhere/m"], None):
            answer = pair.configure(end, peers=peers)
            check(
                "DEV-CONF-4", answer == "OK", expected="OK", got=f"{end}, {'its' if not peers else 'another'}: {answer}"
            )
    pair.to_running()


@case("device.configure.malformed", "DEV-CONF-5")
def test_constraints_are_enforced(pair: Pair, check: Check) -> None:
    """Configure without a peer, or without a channel, is refused; with both it is taken."""
    for end in pair.ends:
        peers = pair.bench.peers_of(end)
        check.require(pair.configure(end) == "OK", f"{end} does not take a sound request")
        for request in (
            pb.ConfigureRequest(channel=pair.bench.channel),
            pb.ConfigureRequest(peer_module_ids=peers),
            pb.ConfigureRequest(peer_module_ids=peers, channel="C" * 17),
        ):
            answer = pair.answer(end, "Configure", request)
            check("DEV-CONF-5", answer == _INVALID, expected=_INVALID, got=f"{end}: {answer}")


@case("device.configure.only-off", "DEV-CONF-6")
def test_configure_only_when_off(pair: Pair, check: Check) -> None:
    """Configure is refused while starting, running and in maintenance, changes nothing then, and is taken when OFF."""
    pair.power_on()
    _refused(pair, check, "starting")
    pair.await_running()
    _refused(pair, check, "running")
    pair.advance(2)
    check("DEV-CONF-6", pair.runs(20), expected="runs on as it was", got=pair.states())
    for end in pair.ends:
        pair.maintenance(end, on=True)
    _refused(pair, check, "in maintenance")
    for end in pair.ends:
        pair.maintenance(end, on=False)
        answer = pair.configure(end)
        check("DEV-CONF-6", answer == "OK", expected="OK when OFF", got=f"{end}: {answer}")


def _refused(pair: Pair, check: Check, when: str) -> None:
    for end in pair.ends:
        answer = pair.configure(end)
        check("DEV-CONF-6", answer == _FAILED, expected=_FAILED, got=f"{end}, {when}: {answer}")


@case("device.configure.new-pairing", "DEV-BLOCK-10", ics={"free_pairing": True, "numbered": True})
def test_after_a_new_pairing_blocks_count_anew(running: Pair, check: Check) -> None:
    """After another peer was configured and the first one again, the blocks count from 0, under IDs never used."""
    before = running.gather(3)
    for end in running.ends:
        running.call(end, "Stop")
    for end in PAIR:
        running.configure(end, peers=["elsewhere/m"])
    running.forget()
    running.to_running()
    after = running.gather(3)
    for end in PAIR:
        first = after[end][0].sequence
        again = {block.block_id for block in before[end]} & {block.block_id for block in after[end]}
        got = f"{end}: begins with {first}, {len(again)} IDs again"
        check("DEV-BLOCK-10", first == 0 and not again, expected="from 0, other IDs", got=got)
