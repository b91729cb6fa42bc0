"""The implementation conformance statement of a campaign: claims of the maker, and what the harness saw itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

IcsValue = bool | int | str | tuple[str, ...]


class Origin(StrEnum):
    """Whose word a claim is."""

    CLAIMED = "claimed"
    DISCOVERED = "discovered"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class Claim:
    """One feature or limit of the implementation. ``evidence`` says where a value was seen."""

    name: str
    value: IcsValue
    origin: Origin
    evidence: str = ""


class Ics(Mapping[str, IcsValue]):
    """Claims by name; reads like a mapping of values."""

    def __init__(self, claims: Mapping[str, Claim] | tuple[Claim, ...] = ()) -> None:
        entries = claims.values() if isinstance(claims, Mapping) else claims
        self._claims = {claim.name: claim for claim in entries}

    def __getitem__(self, name: str) -> IcsValue:
        return self._claims[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, in the order in which they were made."""
        return tuple(self._claims.values())

    def number(self, name: str, default: int) -> int:
        """The integer claimed under ``name``; ``default`` when it is absent or of another type."""
        value = self._claims[name].value if name in self._claims else default
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def flag(self, name: str) -> bool:
        """True when ``name`` is claimed or discovered as true."""
        return name in self._claims and self._claims[name].value is True
