"""Trials as they could have come out, of a network that nobody raised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from harness.topology import load
from harness.twin.account import Account, LinkAccount
from harness.twin.averages import Average, Averages
from harness.twin.check import Checked, LinkFigure
from harness.twin.faults import Fault, Outcome
from harness.twin.keys import Compared
from harness.twin.layout import lay_out
from harness.twin.load import Tally
from harness.twin.measure import Cost
from harness.twin.trial import Ordered, Trial
from harness.twin.twin import Twin
from qkd.device.v1 import module_pb2

FAULT = "relay kill -9"


def whole(scenario: str = "mdi-madrid", ordered: Ordered | None = None) -> Trial:
    """Everything holds: keys, half an hour under load, an account, one fault."""
    layout = lay_out(load(scenario))
    pairs = [(f"sae-{one[4:]}", f"sae-{other[4:]}") for one, other in layout.pairs]
    links = [LinkAccount(link) for link in layout.links]
    for account in links:
        for end in account.link.ends:
            account.figures[end] = {
                "received": 1000, "in_stock": 700, "reserved": 0, "delivered": 300, "relay": 0, "expired": 0,
                "destroyed": 0,
            }  # fmt: skip
        module = {"distilled": 1100, "handed_over": 1000, "in_store": 100, "destroyed": 0, "arrived": 1000}
        account.figures[f"{account.link.ends[0]}/module-1"] = module
    systems = layout.topology.active_systems
    checked = Checked(
        ready_s=4.5,
        pairs=len(pairs),
        pairs_equal=len(pairs),
        keys=len(pairs) + 500,
        mismatches=0,
        links=[LinkFigure(system, 1000.0, 0.02, "RUNNING") for system in systems],
        compared={pair: Compared(equal=1) for pair in pairs},
        account=Account(links),
    )
    averages = Averages()
    for system in systems:
        averages.of[system.id] = Average()
        performance = module_pb2.Performance(time_s=1, skr_bps=1000, qber=0.02)
        performance.interval.seconds = 1
        averages.of[system.id].take(performance)
    outcome = Outcome(FAULT, "kme-1", "started anew", compared=300, again_s=3.5, whole_s=6.0, balanced=True)
    return Trial(
        layout=layout,
        ordered=ordered or Ordered(hours=0.5, faults=True, account=True),
        started=datetime.now(UTC),
        checked=checked,
        averages=averages,
        cost=Cost(812.4, 9),
        took_s=61.0,
        under_load=Tally(500),
        planned=[Fault(FAULT, "kme-1", pairs[:1], _nothing)],
        outcomes=[outcome],
    )


async def _nothing(_: Twin) -> tuple[str, bool | None]:
    return "", None


def _compared(trial: Trial) -> Compared:
    return next(iter(trial.checked.compared.values()))


def _not_ready(trial: Trial) -> None:
    trial.checked.ready_s, trial.checked.missing = None, ["inta-1/qbird-1 is ALIGNING"]


def _mismatch(trial: Trial) -> None:
    trial.checked.pairs_equal -= 1
    trial.checked.mismatches = _compared(trial).mismatches = 1


def _no_key(trial: Trial) -> None:
    trial.checked.pairs_equal -= 1
    _compared(trial).equal, _compared(trial).refused = 0, "503"
    _not_ready(trial)


def _wrong_under_load(trial: Trial) -> None:
    trial.under_load = Tally(499, wrong=1)
    trial.checked.mismatches = 1


def _no_load(trial: Trial) -> None:
    trial.under_load = None


def _unbalanced(trial: Trial) -> None:
    assert trial.checked.account is not None
    trial.checked.account.links[0].problems.append("kme-1 received 1000 bits and has booked 999")


def _restless(trial: Trial) -> None:
    assert trial.checked.account is not None
    trial.checked.account.settled = False


def _wrong_key(trial: Trial) -> None:
    trial.outcomes[0].wrong = 1


def _unnoticed(trial: Trial) -> None:
    trial.outcomes[0].detected = False


def _never_again(trial: Trial) -> None:
    trial.outcomes[0].again_s = None


def _lost_track(trial: Trial) -> None:
    trial.outcomes[0].balanced = False


def _not_reached(trial: Trial) -> None:
    trial.outcomes.clear()


SPOILS: tuple[tuple[Callable[[Trial], None], str], ...] = (
    (_not_ready, "network.ready"),
    (_mismatch, "network.keys."),
    (_no_key, "network.keys."),
    (_wrong_under_load, "network.hours"),
    (_no_load, "network.hours"),
    (_unbalanced, "network.account"),
    (_restless, "network.account"),
    (_wrong_key, "network.fault.relay-kill-9"),
    (_unnoticed, "network.fault.relay-kill-9"),
    (_never_again, "network.fault.relay-kill-9"),
    (_lost_track, "network.fault.relay-kill-9"),
    (_not_reached, "network.fault.relay-kill-9"),
)
"""What can be wrong, and the case (or the beginning of its id) that says so."""
