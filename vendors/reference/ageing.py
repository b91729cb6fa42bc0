"""What becomes too old: bits that no key was cut from, keys that nobody fetched, and what is remembered of both."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable

from .applications import Applications
from .copies import Copies
from .intake.intakes import Intakes
from .link import Link
from .settings import KmeSettings

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 1.0
_SHORTEST_PAUSE_S = 0.05
_FORGET_EVERY = 600  # turns


class Ageing:
    """Looks at the clock for one KME."""

    def __init__(
        self,
        links: Iterable[Link],
        copies: Copies,
        intakes: Intakes,
        settings: KmeSettings,
        applications: Applications | None = None,
    ) -> None:
        self._applications = applications
        self._links = links
        self._copies = copies
        self._intakes = intakes
        self._settings = settings

    async def run(self) -> None:
        """Never returns; cancel it."""
        lives = [life for life in (self._settings.block_ttl_s, self._settings.copy_ttl_s) if life]
        pause = max(_SHORTEST_PAUSE_S, min([_LONGEST_PAUSE_S, *(life / 4 for life in lives)]))
        turn = 0
        while True:
            try:
                self.expire()
                if turn % _FORGET_EVERY == 0:
                    self._intakes.forget()
            except sqlite3.Error as error:
                _log.error("the store fails: %s", type(error).__name__)
            turn += 1
            await asyncio.sleep(pause)

    def expire(self) -> None:
        """Gives up what is older than its time to live."""
        settings = self._settings
        if settings.block_ttl_s:
            for link in self._links:
                bits = link.expire(settings.block_ttl_s)
                if bits:
                    _log.info("link %s: %d bits are expired", link.link_id, bits)
        life_of = self._applications.time_to_live() if self._applications else None
        copies = 0
        if life_of is not None:
            copies = self._copies.expire_each(life_of, settings.copy_ttl_s)
        elif settings.copy_ttl_s:
            copies = self._copies.expire(settings.copy_ttl_s)
        if copies:
            _log.info("%d keys that nobody fetched are expired", copies)
