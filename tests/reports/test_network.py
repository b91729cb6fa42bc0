"""The network in a report: figures beside those published, what broke, every bit, and red where it is not whole."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from harness.record import limits, network, views
from qkd.run.v1 import run_record_pb2 as pb
from reports.html.page import number, render
from reports.writer import find_writers
from tests.reports import records
from tests.reports.test_html import Page


def section(record: pb.RunRecord) -> str:
    return Page(render(record)).within["network-section"]


@pytest.mark.parametrize(
    "part",
    [
        "Network Two sites and a relay", "in 21.3 s", "2 of 2 with equal keys", "12\u00a0345, no mismatches",
        "11 processes, at most 1\u00a0523 MiB", "52.50", "53.02", "+1.0 %", "1.40 %", "1.47 %", "+5.0 %", "40 s",
        "not that the models are right", "relay kill -9", "started anew", "6.2 s", "3.5 s", "2.5 s", "kme-a--kme-b",
        "2\u00a0000", "488", "1 link, all balanced", "link-2, link-3", "none seen",
    ],
)  # fmt: skip
def test_what_is_known_of_the_network_stands_on_the_page(part: str) -> None:
    assert part in section(records.networked())


def test_a_network_that_is_whole_has_nothing_red() -> None:
    page = Page(render(records.networked()))
    assert not {"badge fail", "badge warn"} & page.classes["network-section"]
    assert "banner pass" in page.values("class")


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "mismatches": (lambda it: setattr(it, "mismatches", 1), "12\u00a0345, 1 mismatches"),
    "pairs": (lambda it: setattr(it, "pairs_equal", 1), "1 of 2 with equal keys"),
    "ready": (lambda it: it.ClearField("ready_s"), "never"),
    "wrong key": (lambda it: setattr(it.faults[0], "keys_wrong", 1), "1"),
    "not noticed": (lambda it: setattr(it.faults[0], "noticed", False), "not noticed"),
    "never again": (lambda it: it.faults[0].ClearField("again_s"), "never"),
    "fault's account": (lambda it: setattr(it.faults[0], "balanced", False), "not balanced"),
    "account": (lambda it: setattr(it.accounts[0], "balanced", False), "not balanced"),
    "no key is made": (lambda it: setattr(it.links[0], "average_skr_bps", 0), "0.00"),
    "missing": (lambda it: it.missing.append("a/acme-1 is OFF"), "missing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_figure_is_red(name: str) -> None:
    record, (spoil, told) = records.networked(), WRONG[name]
    spoil(record.network)
    assert "badge fail" in Page(render(record)).classes["network-section"]
    assert f'<span class="badge fail">{told}</span>' in render(record)


def test_a_rate_far_from_the_published_one_is_pointed_out_and_no_more() -> None:
    record = records.networked()
    record.network.links[0].skr_deviation_percent = -network.FAR_OFF_PERCENT - 1
    looks = Page(render(record)).classes["network-section"]
    assert ("badge warn" in looks, "badge fail" in looks) == (True, False)
    assert network.farthest(record.network.links) == network.FAR_OFF_PERCENT + 1


@pytest.mark.parametrize("make", [records.networked, records.network_alone], ids=lambda make: make.__name__)
def test_a_network_that_is_not_whole_makes_the_whole_report_red(make: records.Make) -> None:
    record = make()
    assert (network.whole(record), views.exit_code(record)) == (True, views.CONFORMANT)
    spoiled = records.broken_network()
    assert (network.whole(spoiled), views.exit_code(spoiled)) == (False, views.NOT_SHOWN)
    assert views.meaning(spoiled) == "The network duo is not whole: 4 cases failed."
    assert "banner fail" in Page(render(spoiled)).values("class")


def test_a_fault_that_was_not_reached_is_not_green() -> None:
    record = records.networked()
    record.network.faults.add(kind="clock step", target="kme-a")
    assert "not reached" in section(record)
    assert [network.in_order(fault) for fault in record.network.faults] == [True, False]


def test_without_a_campaign_nothing_is_said_of_one() -> None:
    page = Page(render(records.network_alone()))
    assert not {"requirements", "ics", "keys", "warnings", "behaviour"} & set(page.ids)
    assert "The network duo on trial" in page.within["result"]
    assert {"network", "cases", "failures", "evidence"} <= set(page.ids)


def test_without_a_network_nothing_is_said_of_one() -> None:
    page = Page(render(records.conformant()))
    assert not {"network", "rates", "faults", "accounts"} & set(page.ids)
    [policy] = [value for tag, name, value in page.attributes if name == "content" and "default-src" in value]
    assert "img-src 'none'" in policy


def test_the_map_is_shown_as_an_image_alone() -> None:
    record = records.networked()
    [source] = Page(render(record)).values("src")
    assert base64.b64decode(source.partition("base64,")[2]).decode() == records.SVG
    assert "alert(1)" not in render(record)
    record.network.map_svg = "<script>alert(1)</script>"
    assert Page(render(record)).values("src") == []


def test_a_limit_says_that_it_is_emulated() -> None:
    assert any("emulated" in sentence for sentence in limits.limits(records.networked()))
    assert not any("emulated" in sentence for sentence in limits.limits(records.conformant()))


def test_junit_has_a_case_for_all_that_was_judged(tmp_path: Path) -> None:
    root = JUnitXml.fromfile(str(find_writers()["junit"].write(records.broken_network(), tmp_path)))
    [suite] = [one for one in root if one.name == "network"]
    assert [case.is_failure for case in suite] == [True] * 4


def test_large_figures_can_be_read() -> None:
    assert number(1_234_567).replace("\u00a0", " ") == "1 234 567"
