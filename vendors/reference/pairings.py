"""Which of the sources that wait lead to whom: as the SDN agent of the node says (`qkd.kms.v1.KmsControlService`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from .database import Database
from .intake.intakes import Intakes
from .links import Links
from .source import SourceAddress, SourceKind

_log = logging.getLogger(__name__)


class Pairing(NamedTuple):
    """One source in use; members as of `qkd.kms.v1.Pairing`."""

    module_id: str
    source_id: str
    peer_kme_id: str
    peer_module_id: str = ""


class PairingError(ValueError):
    """The pairings cannot be; `reason` is UPPER_SNAKE_CASE, for programs."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Pairings:
    """The pairings of one KME. They are in its store: after a restart intake goes on without the agent.

    A source that is in no pairing any more stays known to its link as retired: what it gave before is used up.

    Args:
        waiting: the sources that lead to nobody by themselves.
        fixed: those that do.

    Raises:
        ValueError: a source that waits has no module ID, shares it with another, or cannot wait.
    """

    def __init__(
        self,
        database: Database,
        kme_id: str,
        *,
        waiting: Sequence[SourceAddress],
        fixed: Sequence[SourceAddress],
        links: Links,
        intakes: Intakes,
    ) -> None:
        self._database = database
        self._kme_id = kme_id
        self._links = links
        self._intakes = intakes
        self._waiting = {source.module_id: source for source in waiting}
        self._fixed = {(source.peer_kme_id, source.name) for source in fixed}
        self._counted = {source.peer_kme_id for source in fixed if source.kind == SourceKind.COUNTED}
        self._now: dict[tuple[str, str], Pairing] = {}  # by peer and source ID
        if len(self._waiting) < len(waiting) or "" in self._waiting:
            raise ValueError("sources without peer_kme_id need a module_id each")
        if any(source.kind == SourceKind.COUNTED for source in waiting):
            raise ValueError("a source that both ends count alike needs a peer_kme_id")
        self._go_on()

    def _go_on(self) -> None:
        """As the last life left it; what cannot be any more (a module was taken away) is retired."""
        rows = self._database.read(
            "SELECT module_id, source_id, peer_kme_id, peer_module_id, active FROM pairing ORDER BY active"
        )
        for *members, active in cast(list[tuple[str, str, str, str, int]], rows):
            one = Pairing(*members)
            if one.peer_kme_id in self._counted or (one.peer_kme_id, one.source_id) in self._fixed:
                continue
            self._links.join(one.peer_kme_id)
            self._begin(one)
            if not active or one.module_id not in self._waiting:
                self._end(one)
            self._links.refill(one.peer_kme_id)

    # -- as the agent says ---------------------------------------------------------------------------

    def set(self, pairings: Sequence[Pairing]) -> None:
        """These from now on, all at once. Those that are so already are not disturbed.

        Raises:
            PairingError: nothing has changed.
            sqlite3.Error: the store fails; nothing has changed.
        """
        refusal = self._refusal(pairings)
        if refusal is not None:
            raise refusal
        wanted = {(one.peer_kme_id, one.source_id): one for one in pairings}
        ended = [one for place, one in self._now.items() if wanted.get(place) != one]
        begun = [one for place, one in wanted.items() if self._now.get(place) != one]
        for one in begun:
            self._links.join(one.peer_kme_id)
        with self._database.transaction():
            self._database.write(
                "UPDATE pairing SET active = 0 WHERE peer_kme_id = ? AND source_id = ?",
                [(one.peer_kme_id, one.source_id) for one in ended],
            )
            self._database.write(
                "INSERT OR REPLACE INTO pairing VALUES (?, ?, ?, ?, 1)",
                [(one.peer_kme_id, one.source_id, one.module_id, one.peer_module_id) for one in begun],
            )
        for one in ended:
            self._end(one)
        for one in begun:
            self._begin(one)
        for kme_id in {one.peer_kme_id for one in (*ended, *begun)}:
            self._links.refill(kme_id)

    def _refusal(self, pairings: Iterable[Pairing]) -> PairingError | None:
        """Why these cannot be."""
        modules: set[tuple[str, str]] = set()
        places: set[tuple[str, str]] = set()
        for one in pairings:
            source, place = self._waiting.get(one.module_id), (one.peer_kme_id, one.source_id)
            if source is None:
                return PairingError("MODULE_UNKNOWN", f"no source waits under the module ID {one.module_id!r}")
            if one.peer_kme_id == self._kme_id:
                return PairingError("PAIRING_INVALID", f"source {one.source_id!r} leads to this KME itself")
            if one.peer_kme_id in self._counted:
                return PairingError(
                    "PAIRING_INVALID", f"the link to {one.peer_kme_id!r} has the only source it can have"
                )
            if place in places or place in self._fixed:
                return PairingError("PAIRING_INVALID", f"source {one.source_id!r} leads to {one.peer_kme_id!r} twice")
            # a forwarding module has keys for many peers, but one stream of them for each
            module = (one.module_id, one.peer_kme_id if source.kind == SourceKind.RELAY else "")
            if module in modules:
                return PairingError("PAIRING_INVALID", f"module {one.module_id!r} is in two pairings")
            modules.add(module)
            places.add(place)
        return None

    def _begin(self, one: Pairing) -> None:
        source = self._source(one)
        self._now[one.peer_kme_id, one.source_id] = one
        self._intakes.pair(one.peer_kme_id, source, _door(self._waiting.get(one.module_id)))
        _log.info("module %s gives keys for KME %s as %s", one.module_id, one.peer_kme_id, one.source_id)

    def _end(self, one: Pairing) -> None:
        del self._now[one.peer_kme_id, one.source_id]
        self._intakes.unpair(one.peer_kme_id, one.source_id, _door(self._waiting.get(one.module_id)))
        _log.info("module %s gives no more keys for KME %s as %s", one.module_id, one.peer_kme_id, one.source_id)

    def _source(self, one: Pairing) -> SourceAddress:
        """A source that waits, as it is when paired."""
        known = self._waiting.get(one.module_id) or SourceAddress("", "", "", "", SourceKind.MODULE_STREAM)
        return replace(
            known,
            link_id=self._links.by_kme[one.peer_kme_id].link_id,
            peer_kme_id=one.peer_kme_id,
            source_id=one.source_id,
            module_id=one.module_id,
            peer_module_id=one.peer_module_id,
        )

    # -- sources that move ---------------------------------------------------------------------------

    def waits(self, source: SourceAddress) -> bool:
        """Whether a source is one of those that lead to nobody by themselves."""
        return self._known(source) is not None

    def move(self, source: SourceAddress) -> None:
        """One of them answers elsewhere."""
        known = self._known(source)
        if known is None:
            raise KeyError(source.name)
        self._waiting[known.module_id] = replace(known, address=source.address, token=source.token or known.token)
        if known.kind == SourceKind.TCP_PUSH:
            self._intakes.doors[_door(known)].token = self._waiting[known.module_id].token
        for one in self._now.values():
            if one.module_id == known.module_id:
                self._intakes.move(one.peer_kme_id, self._source(one))

    def _known(self, source: SourceAddress) -> SourceAddress | None:
        if source.peer_kme_id:
            return None
        waiting: Mapping[str, SourceAddress] = self._waiting
        by_name = (one for one in waiting.values() if one.source_id and one.source_id == source.source_id)
        return next(by_name, None) or waiting.get(source.module_id)


def _door(source: SourceAddress | None) -> str:
    """The name that a module which pushes says."""
    return (source.source_id or source.module_id) if source is not None else ""
