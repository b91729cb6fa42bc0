"""Looks for input that makes something go wrong, and makes what it found as small as it can (hypothesis).

The search is the same every time, leaves nothing on disk, and is bounded in examples and in failures: every failure
may cost a key, and shrinking goes on only as long as failures are allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import HypothesisException
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.strategies import SearchStrategy

from harness.wire.purse import BudgetExhausted

_BACKEND: Final = "qkd-harness"
_home: list[TemporaryDirectory[str]] = []


class _NoConstants:
    def set_for_type(self, choice_type: object) -> tuple[()]:
        return ()


class _WentWrong(Exception):  # noqa: N818 - how hypothesis is told
    pass


class _Repeatable(HypothesisProvider):
    """Draws nothing from the source of whatever modules are loaded: that differs from run to run, and takes long."""

    _local_constants = _NoConstants()


@dataclass
class Found:
    """What a search found: by kind of failure, the smallest input."""

    tried: int = 0
    failed: int = 0
    smallest: dict[str, bytes] = field(default_factory=dict)


def search(inputs: SearchStrategy[bytes], trial: Callable[[bytes], str], *, examples: int, failures: int) -> Found:
    """Try ``examples`` inputs, then shrink; stop after so many ``failures``.

    ``trial`` says what kind of failure an input causes; empty = none.

    Raises:
        BudgetExhausted: raised by ``trial``.
    """
    _prepare()
    found = Found()
    known: dict[bytes, str] = {}
    exhausted: list[BudgetExhausted] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
        backend=_BACKEND,
    )
    @given(inputs)
    def look(data: bytes) -> None:
        if data not in known:
            if found.failed >= failures or exhausted:
                reject()
            try:
                kind = trial(data)
            except BudgetExhausted as wrong:
                exhausted.append(wrong)
                reject()
            known[data] = kind
            found.tried += 1
            found.failed += bool(kind)
        if known[data]:
            raise _WentWrong

    with suppress(_WentWrong, HypothesisException):  # what went wrong stands in `known`
        look()
    if exhausted:
        raise exhausted[0]
    for data, kind in known.items():
        if kind and (kind not in found.smallest or _size(data) < _size(found.smallest[kind])):
            found.smallest[kind] = data
    return found


def _prepare() -> None:
    if not _home:
        _home.append(TemporaryDirectory(prefix="qkd-harness-"))
        set_hypothesis_home_dir(_home[0].name)
        AVAILABLE_PROVIDERS[_BACKEND] = f"{__name__}.{_Repeatable.__name__}"


def _size(data: bytes) -> tuple[int, bytes]:
    return len(data), data
