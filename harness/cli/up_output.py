"""What ``qkd-harness up`` prints: tables for people, one JSON object for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.twin.account import Account
    from harness.twin.averages import Average
    from harness.twin.check import LinkFigure
    from harness.twin.direct import DirectLink, DirectLinks
    from harness.twin.faults import Outcome
    from harness.twin.trial import Trial


def as_json(trial: Trial) -> dict[str, object]:
    """Of ``--check``."""
    checked, cost = trial.checked, trial.cost
    found: dict[str, object] = {
        "scenario": trial.layout.topology.name,
        "ready_s": None if checked.ready_s is None else round(checked.ready_s, 2),
        "peak_rss_mib": round(cost.peak_rss_mib),
        "processes": cost.processes,
        "pairs": checked.pairs,
        "pairs_equal": checked.pairs_equal,
        "keys": checked.keys,
        "mismatches": checked.mismatches,
        "keys_of": [{"saes": list(pair), "keys": keys} for pair, keys in checked.keys_of.items()],
        "missing": checked.missing,
        "turns": checked.turns,
        "links": _links_json(trial),
    }
    if checked.account is not None:
        found["account"] = account_json(checked.account)
    if trial.direct is not None:
        found |= direct_json(trial.direct)
    return found


def direct_json(direct: DirectLinks) -> dict[str, object]:
    """Of ``--direct-links``: how many were established, which, and which not and why."""

    def said(one: DirectLink) -> dict[str, object]:
        return {
            "link": one.link,
            "maker": one.maker,
            "path": list(one.path),
            "channel": one.channel,
            "modules": list(one.modules),
            "moved": list(one.moved),
        }

    return {
        "direct_links": direct.established,
        "direct": [
            {
                **said(one),
                "skr_bps": round(one.skr_bps, 1),
                "seconds": _rounded(one.seconds, 2),
                "bits": one.bits,
                "keys": one.keys,
            }
            for one in direct.links
            if one.established
        ],
        "direct_missing": [{**said(one), "why": one.why} for one in direct.links if not one.established],
        "direct_troubles": direct.troubles,
    }


def _links_json(trial: Trial) -> list[dict[str, object]]:
    return [_link_json(one, trial.averages.of.get(one.system.id)) for one in trial.checked.links]


def _link_json(figure: LinkFigure, average: Average | None) -> dict[str, object]:
    from harness.twin.recorded import deviation

    system = figure.system
    skr_bps, qber = (average.skr_bps, average.qber) if average else (None, None)
    return {
        "link": system.id,
        "path": list(system.path),
        "maker": system.maker,
        "state": figure.state,
        "skr_bps": round(figure.skr_bps, 1),
        "qber": _rounded(figure.qber, 5),
        "table1_skr_bps": system.table1_skr_bps,
        "table1_qber": system.table1_qber,
        "average_skr_bps": _rounded(skr_bps, 1),
        "average_qber": _rounded(qber, 5),
        "intervals": average.intervals if average else 0,
        "deviation": _rounded(deviation(skr_bps, system.table1_skr_bps), 2),
        "deviation_qber": _rounded(deviation(qber, system.table1_qber), 2),
    }


def _rounded(figure: float | None, digits: int) -> float | None:
    return None if figure is None else round(figure, digits)


def account_json(account: Account) -> dict[str, object]:
    """An account; bits."""
    return {
        "balanced": account.balanced,
        "settled": account.settled,
        "lost_bits": account.lost,
        "links": [
            {
                "link": one.link.id,
                "relayed": one.link.relayed,
                "balanced": one.balanced,
                "lost_bits": one.lost,
                "figures": one.figures,
                "problems": one.problems,
            }
            for one in account.links
        ],
    }


def faults_json(trial: Trial) -> dict[str, object]:
    """Of ``--faults``."""
    return {
        "scenario": trial.layout.topology.name,
        "ready_s": trial.checked.ready_s,
        "missing": trial.checked.missing,
        "faults": [{**asdict(one), "holds": one.holds} for one in trial.outcomes],
        "links": _links_json(trial),
    }


def print_checked(trial: Trial) -> None:
    """Of ``--check``, for people."""
    from rich.table import Table

    from harness.cli.console import out, plain
    from harness.twin.averages import Average
    from harness.twin.recorded import deviation

    checked, cost = trial.checked, trial.cost
    table = Table("system", "maker", "state", "SKR kbit/s", "published", "off %", "QBER %", "published", box=None)
    for figure in checked.links:
        system, average = figure.system, trial.averages.of.get(figure.system.id, Average())
        off = deviation(average.skr_bps, system.table1_skr_bps)
        table.add_row(
            plain(system.id),
            plain(system.maker),
            plain(figure.state.lower()),
            "" if average.skr_bps is None else f"{average.skr_bps / 1000:.2f}",
            "" if system.table1_skr_bps is None else f"{system.table1_skr_bps / 1000:g}",
            "" if off is None else f"{off:+.1f}",
            "" if average.qber is None else f"{100 * average.qber:.1f}",
            "" if system.table1_qber is None else f"{100 * system.table1_qber:g}",
        )
    console = out()
    console.print(table)
    for turn in checked.turns:
        console.print(plain(f"in turn: {', '.join(turn)}"))
    for line in checked.missing:
        console.print(plain(f"MISSING  {line}"))
    if checked.account is not None:
        _print_account(checked.account)
    if trial.direct is not None:
        _print_direct(trial.direct)
    ready = "not ready" if checked.ready_s is None else f"ready in {checked.ready_s:.1f} s"
    console.print(
        f"{ready}; {checked.pairs_equal} of {checked.pairs} pairs have equal keys; {checked.keys} keys compared, "
        f"{checked.mismatches} mismatches; {cost.processes} processes, {cost.peak_rss_mib:.0f} MiB"
    )


def _print_direct(direct: DirectLinks) -> None:
    from rich.table import Table

    from harness.cli.console import out, plain

    table = Table("direct link", "maker", "channel", "SKR kbit/s", "keys after s", "moved", box=None)
    for one in direct.links:
        if one.established:
            seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
            row = (plain(one.link), plain(one.maker), plain(one.channel), f"{one.skr_bps / 1000:.2f}", seconds)
            table.add_row(*row, plain(", ".join(one.moved)))
    out().print(table)
    for one in direct.links:
        if not one.established:
            out().print(plain(f"NOT ESTABLISHED  {one.link}: {one.why}"))
    for trouble in direct.troubles:
        out().print(plain(f"NOT TAKEN DOWN  {trouble}"))
    out().print(plain(f"{direct.established} of {len(direct.links)} direct links established"))


def _print_account(account: Account) -> None:
    from rich.table import Table

    from harness.cli.console import out, plain

    names = ("received", "in_stock", "reserved", "delivered", "relay", "expired", "destroyed")
    table = Table("link", "KME", *(name.replace("_", " ") for name in names), "balanced", box=None)
    for one in account.links:
        for end in one.link.ends:
            bits = one.figures[end]
            row = (plain(one.link.id), plain(end), *(str(bits[name]) for name in names))
            table.add_row(*row, "yes" if one.balanced else "NO")
    out().print(table)
    for problem in account.problems:
        out().print(plain(f"NOT BALANCED  {problem}"))


def print_faults(outcomes: Sequence[Outcome]) -> None:
    """Of ``--faults``, for people."""
    from rich.table import Table

    from harness.cli.console import out, plain

    table = Table("fault", "keys", "wrong", "lost", "gap s", "whole s", "again s", "bits lost", "balanced", box=None)
    for one in outcomes:
        table.add_row(
            plain(one.fault),
            str(one.compared),
            str(one.wrong),
            str(one.lost),
            f"{one.longest_gap_s:.1f}",
            "never" if one.whole_s is None else f"{one.whole_s:.1f}",
            "never" if one.again_s is None else f"{one.again_s:.1f}",
            str(one.lost_bits),
            "yes" if one.balanced else "NO",
        )
    out().print(table)
    for one in outcomes:
        noticed = " (NOT NOTICED)" if one.detected is False else ""
        out().print(plain(f"{one.fault}: {one.where}; {one.seen}{noticed}"))
        for problem in one.problems:
            out().print(plain(f"{one.fault}: {problem}"))
