"""How keys are asked for: unevenly, as links give them."""

from __future__ import annotations

import math
import time
from typing import Any, Self

import pytest

from harness.testbed.reached import Reached
from harness.twin import check
from harness.twin.check import Wanted
from harness.twin.keys import Compared

THICK, THIN = ("a", "b"), ("a", "c")


class _Stock:
    """Applications whose links have so many keys and give no request a part of what it asks for."""

    def __init__(self, stock: dict[tuple[str, str], float]) -> None:
        self.stock = stock
        self.asked: list[tuple[tuple[str, str], int]] = []

    def __call__(self, reached: Reached) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def exchange(self, master: str, slave: str, number: int = 1) -> Compared:
        pair = (master, slave)
        self.asked.append((pair, number))
        if self.stock[pair] < number:
            return Compared(refused="503")
        self.stock[pair] -= number
        return Compared(equal=number)


def _run(monkeypatch: pytest.MonkeyPatch, stock: _Stock, wanted: Wanted, bound_s: float) -> dict[Any, Compared]:
    monkeypatch.setattr(check, "Applications", stock)
    monkeypatch.setattr(check, "_POLL_S", 0.001)
    compared = {pair: Compared(equal=1) for pair in stock.stock}
    check._more_keys(Reached(b"", (), ()), compared, wanted, time.monotonic() + bound_s, lambda _: None)
    return compared


def test_what_a_thin_link_cannot_give_others_give(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = _Stock({THICK: math.inf, THIN: 20})
    compared = _run(monkeypatch, stock, Wanted(in_all=20_000), bound_s=20)
    assert sum(one.equal for one in compared.values()) == 20_000
    assert compared[THIN].equal == 21, "asked for ever less, the thin link gives all that it has"
    assert max(number for _, number in stock.asked) == 100


def test_each_pair_gets_as_many_as_asked_for_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = _run(monkeypatch, _Stock({THICK: math.inf, THIN: math.inf}), Wanted(each=250), bound_s=20)
    assert {one.equal for one in compared.values()} == {250}


def test_the_time_is_bounded_and_says_why_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = _run(monkeypatch, _Stock({THIN: 3}), Wanted(each=10), bound_s=0.2)
    assert (compared[THIN].equal, compared[THIN].refused) == (4, "503")
