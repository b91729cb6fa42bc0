"""Judging: what was found, what was not, and whose fault it is."""

from __future__ import annotations

import threading

import pytest

from harness.campaign.check import Check, Inconclusive, Verdict, worst
from harness.campaign.register import Grade, Profile, Register, Requirement, Standing, Strictness
from harness.wire.purse import BudgetExhausted, Purse


def _register() -> Register:
    def entry(name: str, strictness: Strictness) -> Requirement:
        return Requirement(name, "x", "5.4", strictness, Standing.CONFIRMED, "kme", "does it")

    return Register("x", (entry("R-1", Strictness.SHALL), entry("R-2", Strictness.SHOULD)))


@pytest.fixture
def check() -> Check:
    return Check(_register(), Profile.PUBLISHED, ["R-1", "R-2"])


def test_a_broken_shall_fails_and_a_broken_should_warns(check: Check) -> None:
    assert not check("R-2", False, expected="a", got="b")
    assert check.verdict() is Verdict.PASS
    assert check.findings[0].grade is Grade.WARNING
    assert not check("R-1", False, expected="a", got="b")
    assert check.verdict() is Verdict.FAIL


def test_one_case_may_find_several_deviations(check: Check) -> None:
    check("R-1", False, expected="a", got="b")
    check("R-1", True, expected="a", got="a")
    assert [finding.held for finding in check.findings] == [False, True]
    assert check.verdict() is Verdict.FAIL


def test_what_a_case_names_it_has_to_settle(check: Check) -> None:
    check("R-1", True, expected="a", got="a")
    assert check.unsettled == ("R-2",)
    check.not_judged("R-2", "the implementation took the other lawful way")
    assert list(check.unsettled) == []
    with pytest.raises(LookupError):
        check("R-3", True, expected="a", got="a")
    with pytest.raises(LookupError):
        check.not_judged("R-3", "no such thing")


def test_a_missing_precondition_is_inconclusive(check: Check) -> None:
    check.require(True, "fine")
    with pytest.raises(Inconclusive, match="no key"):
        check.require(False, "no key")


def test_a_worse_verdict_overwrites_a_better_one() -> None:
    assert worst([Verdict.PASS, Verdict.ERROR, Verdict.FAIL]) is Verdict.ERROR
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([]) is Verdict.NONE


def test_the_purse_refuses_before_it_is_overdrawn() -> None:
    purse = Purse(3)
    purse.authorise(2)
    with pytest.raises(BudgetExhausted, match="1 of 3 left"):
        purse.authorise(2)
    purse.settle(2, 1)
    purse.authorise(2)
    purse.settle(2, 2)
    assert purse.drawn == 3
    with pytest.raises(BudgetExhausted):
        purse.authorise(1)


def test_the_purse_holds_when_threads_draw_at_once() -> None:
    purse = Purse(100)
    start = threading.Barrier(8)

    def draw() -> None:
        start.wait()
        for _ in range(50):
            try:
                purse.authorise(1)
            except BudgetExhausted:
                return
            purse.settle(1, 1)

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert purse.drawn == 100
