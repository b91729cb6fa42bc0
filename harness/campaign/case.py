"""How a test case says what it is: a decorator on an ordinary pytest function.

The docstring of the function is the test purpose. Everything else that a plan has to know before the first byte is
sent stands in the decorator: which requirements the case verifies, what it needs, and how many keys it takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.campaign.ics import Ics, IcsValue

Keys = int | Callable[[Ics], int]
_ID = re.compile(r"[a-z0-9]+(\.[a-z0-9]+(-[a-z0-9]+)*)+")
_ATTRIBUTE = "__qkd_case__"
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class CaseSpec:
    """What a plan knows of a case.

    Attributes:
        id: stable, lower case, dotted (``014.fetch.foreign-sae``).
        verifies: ids of requirements.
        purpose: one sentence.
        draws: keys that a conformant system hands out to this case.
        at_risk: further keys that a system hands out only if it wrongly answers.
        shares: delivered keys that the case looks at without using them up; drawn once for all cases that share.
        needs: facilities that the target has to offer (``third``, ``stranger``, …).
        ics: values that the ICS must have for the case to apply.
        applies: returns why the case does not apply, or an empty string.
        drains: empties the key pool.
        disturbs: could disturb other users of the system.
        bindings: the bindings that it runs over.
        last: runs after all others (for instance because it judges what the others drew).
    """

    id: str
    verifies: tuple[str, ...]
    purpose: str
    draws: Keys = 0
    at_risk: Keys = 0
    shares: Keys = 0
    needs: frozenset[str] = frozenset()
    ics: Mapping[str, IcsValue] = field(default_factory=dict)
    applies: Callable[[Ics], str] | None = None
    drains: bool = False
    disturbs: bool = False
    bindings: tuple[str, ...] = ("https",)
    last: bool = False


def keys(amount: Keys, ics: Ics) -> int:
    """The number of keys that ``amount`` means for an implementation with this ICS."""
    return amount if isinstance(amount, int) else amount(ics)


def case(
    id: str,  # noqa: A002 - the word that the field uses
    *verifies: str,
    draws: Keys = 0,
    at_risk: Keys = 0,
    shares: Keys = 0,
    needs: tuple[str, ...] = (),
    ics: Mapping[str, IcsValue] | None = None,
    applies: Callable[[Ics], str] | None = None,
    drains: bool = False,
    disturbs: bool = False,
    bindings: tuple[str, ...] = ("https",),
    last: bool = False,
) -> Callable[[_F], _F]:
    """Make a pytest function a test case; see `CaseSpec` for the members.

    Raises:
        ValueError: the id is not well formed, no requirement is named, or the purpose (docstring) is missing.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"case id {id!r}: lower case words, joined by '-', in parts joined by '.'")
    if not verifies:
        raise ValueError(f"{id}: names no requirement")

    def mark(function: _F) -> _F:
        purpose = " ".join((function.__doc__ or "").split())
        if not purpose:
            raise ValueError(f"{id}: the docstring is the test purpose, and it is missing")
        spec = CaseSpec(
            id, verifies, purpose, draws, at_risk, shares, frozenset(needs), dict(ics or {}), applies, drains,
            disturbs, bindings, last,
        )  # fmt: skip
        setattr(function, _ATTRIBUTE, spec)
        return function

    return mark


def spec_of(function: object) -> CaseSpec | None:
    """The spec that `case` left on ``function``, or None."""
    spec = getattr(function, _ATTRIBUTE, None)
    return spec if isinstance(spec, CaseSpec) else None
