"""A trial as a run record tells it: the figures of the network, and a case for everything that was judged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.record.views import NETWORK
from harness.topology import Topology, draw
from harness.twin.account import LinkAccount
from harness.twin.averages import Average
from harness.twin.check import LinkFigure
from harness.twin.faults import Fault, Outcome
from harness.twin.keys import Compared
from harness.twin.trial import Trial
from qkd.run.v1 import run_record_pb2 as pb

READY = "network.ready"
_KME = ("received", "in_stock", "reserved", "delivered", "relay", "expired", "destroyed")
_UNFIT = re.compile(r"[^a-z0-9]+")


def network_of(trial: Trial) -> pb.Network:
    """The figures."""
    topology, checked = trial.layout.topology, trial.checked
    network = pb.Network(
        scenario=topology.name,
        title=topology.title,
        ready_s=checked.ready_s,
        took_s=trial.took_s,
        hours=trial.ordered.hours or 0.0,
        sites=len(trial.layout.sites),
        processes=trial.cost.processes,
        peak_rss_mib=round(trial.cost.peak_rss_mib),
        pairs=checked.pairs,
        pairs_equal=checked.pairs_equal,
        keys_compared=checked.keys,
        mismatches=checked.mismatches,
        missing=checked.missing,
        links=[_link(one, trial.averages.of.get(one.system.id, Average())) for one in checked.links],
        map_svg=draw(topology),
    )
    network.started.FromDatetime(trial.started)
    if checked.account is not None:
        network.accounts.extend(map(_account, checked.account.links))
        network.accounts_settled = checked.account.settled
    for number, fault in enumerate(trial.planned):
        network.faults.append(_fault(fault, trial.outcomes[number] if number < len(trial.outcomes) else None))
    return network


def deviation(seen: float | None, published: float | None) -> float | None:
    """How far a figure is from the published one, per cent of that; None = there is nothing to compare."""
    return None if seen is None or not published else 100.0 * (seen - published) / published


def _link(figure: LinkFigure, average: Average) -> pb.NetworkLink:
    system = figure.system
    return pb.NetworkLink(
        system=system.id,
        maker=system.maker,
        path=system.path,
        channel=system.channel,
        state=figure.state.lower(),
        table1_skr_bps=system.table1_skr_bps,
        table1_qber=system.table1_qber,
        average_skr_bps=average.skr_bps,
        average_qber=average.qber,
        intervals=average.intervals,
        observed_s=average.observed_s,
        skr_deviation_percent=deviation(average.skr_bps, system.table1_skr_bps),
        qber_deviation_percent=deviation(average.qber, system.table1_qber),
    )


def _account(one: LinkAccount) -> pb.LinkAccount:
    account = pb.LinkAccount(
        link=one.link.id,
        relayed=one.link.relayed,
        lost_bits=one.lost,
        balanced=one.balanced,
        problems=one.problems,
    )
    for name, bits in one.figures.items():
        # what was booked wrongly can come out negative, which `problems` tells and no count of bits can
        counted = {f"{what}_bits": max(0, number) for what, number in bits.items()}
        if name in one.link.ends:
            account.kmes.append(pb.KmeAccount(kme_id=name, **counted))
        else:
            account.modules.append(pb.ModuleAccount(module_id=name, **counted))
    return account


def _fault(fault: Fault, outcome: Outcome | None) -> pb.NetworkFault:
    if outcome is None:
        return pb.NetworkFault(kind=fault.name, target=fault.where)
    return pb.NetworkFault(
        kind=outcome.fault,
        target=outcome.where,
        applied=True,
        seen=outcome.seen,
        noticed=outcome.detected,
        keys_compared=outcome.compared,
        keys_wrong=outcome.wrong,
        keys_lost=outcome.lost,
        lost_bits=max(0, outcome.lost_bits),
        longest_gap_s=outcome.longest_gap_s,
        again_s=outcome.again_s,
        whole_s=outcome.whole_s,
        balanced=outcome.balanced,
        problems=outcome.problems,
    )


# -- what was judged ------------------------------------------------------------------------------------


def cases_of(trial: Trial, replay: str = "") -> list[pb.Case]:
    """What was to hold, and whether it does; all of it also when the trial ended early.

    Args:
        trial: what came of it.
        replay: command that does it again.
    """
    cases = [_ready(trial), *(_pair(pair, got) for pair, got in trial.checked.compared.items())]
    if trial.ordered.hours is not None:
        cases.append(_hours(trial))
    if trial.ordered.hours is not None or trial.ordered.account:
        cases.append(_balanced(trial))
    for number, fault in enumerate(trial.planned):
        cases.append(_survived(fault, trial.outcomes[number] if number < len(trial.outcomes) else None))
    for case in cases:
        case.replay = replay
    return cases


def not_raised(topology: Topology, reason: str, *, interrupted: bool) -> pb.Case:
    """The one case of a network that never came up: our own failure, unless the user ended it."""
    case = _case(READY, f"{topology.name} comes up.")
    if interrupted:
        case.selection, case.selection_reason = pb.SELECTION_NOT_REACHED, reason
    else:
        case.verdict, case.verdict_reason = pb.VERDICT_ERROR, reason
    return case


def _case(name: str, purpose: str) -> pb.Case:
    return pb.Case(id=name, suite=NETWORK, purpose=purpose, selection=pb.SELECTION_SELECTED)


def _judged(case: pb.Case, expected: str, got: str, problems: list[str]) -> pb.Case:
    """Passes without problems; with them, says the first few."""
    case.verdict = pb.VERDICT_FAIL if problems else pb.VERDICT_PASS
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        got = "; ".join(problems[:3]) + more
        case.verdict_reason = got
    case.findings.add(held=not problems, grade=pb.GRADE_FAIL, expected=expected, got=got, exchange=-1)
    return case


def _unreached(case: pb.Case, reason: str) -> pb.Case:
    case.selection, case.selection_reason = pb.SELECTION_NOT_REACHED, reason
    return case


def _ready(trial: Trial) -> pb.Case:
    case = _case(READY, "Every system makes keys and every two sites that share keys have their first one.")
    ready_s = trial.checked.ready_s
    late = [] if ready_s is not None else trial.checked.missing or ["it was not ready"]
    case.duration_s = trial.took_s if ready_s is None else ready_s
    return _judged(case, f"ready within {trial.ordered.bound_s:g} s", f"ready in {ready_s or 0:.1f} s", late)


def _pair(pair: tuple[str, str], got: Compared) -> pb.Case:
    one, other = pair
    case = _case(f"network.keys.{one}.{other}", f"{one} and {other} get the same keys by ETSI GS QKD 014.")
    case.keys_drawn = got.equal + got.mismatches + got.missing
    problems = [f"{got.mismatches} keys differ"] * bool(got.mismatches)
    problems += [f"{got.missing} keys only the master got"] * bool(got.missing)
    problems += [f"no key: {got.refused or 'none was given'}"] * (not case.keys_drawn)
    return _judged(case, "equal keys at both ends", f"{got.equal} keys, all equal", problems)


def _hours(trial: Trial) -> pb.Case:
    case = _case("network.hours", f"Keys stay equal while {trial.ordered.hours:g} hours pass under load.")
    if trial.under_load is None:
        return _unreached(case, "the network was not ready")
    tally = trial.under_load
    problems = [f"{tally.wrong} keys differ"] * bool(tally.wrong) + [f"{tally.lost} keys got lost"] * bool(tally.lost)
    return _judged(case, "equal keys at both ends", f"{tally.equal} keys, all equal", problems)


def _balanced(trial: Trial) -> pb.Case:
    case = _case("network.account", "Every key bit of every link is accounted for.")
    account = trial.checked.account
    if account is None:
        return _unreached(case, "the network was not ready")
    problems = account.problems + ["the network did not come to rest"] * (not account.settled)
    return _judged(case, "all accounts fit to the bit", f"{len(account.links)} links balanced", problems)


def _survived(fault: Fault, outcome: Outcome | None) -> pb.Case:
    what = fault.name[0].upper() + fault.name[1:]
    purpose = f"{what} ({fault.where}): no wrong key is delivered, and keys flow again afterwards."
    case = _case(f"network.fault.{_UNFIT.sub('-', fault.name.lower()).strip('-')}", purpose)
    if outcome is None:
        return _unreached(case, "the network was not ready")
    case.duration_s, case.keys_drawn = outcome.whole_s or 0.0, outcome.compared + outcome.lost
    expected = "no wrong key, noticed where it has to be, keys again, and every bit accounted for"
    got = f"{outcome.compared} keys, none wrong; again after {outcome.again_s or 0:.1f} s"
    return _judged(case, expected, got, list(_harm(outcome)))


def _harm(outcome: Outcome) -> Iterator[str]:
    if outcome.wrong:
        yield f"{outcome.wrong} of {outcome.compared} keys differ"
    if outcome.detected is False:
        yield f"not noticed: {outcome.seen}"
    if outcome.again_s is None:
        yield "keys did not flow again within the bound"
    if not outcome.balanced:
        yield from outcome.problems or ["the account does not fit"]
