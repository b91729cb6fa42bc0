"""What all sources that this KME goes to have in common: they are read for ever, and asked again when they fail."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from abc import ABC, abstractmethod

import aiohttp
import grpc

from vendors.reference.source import SourceAddress

from .intake import Intake

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


class Reader(ABC):
    """Reads one source into its intake."""

    def __init__(self, intake: Intake, source: SourceAddress) -> None:
        self.intake = intake
        self.source = source
        self.state = intake.sources[source.name]
        self._pause = _FIRST_PAUSE_S

    async def run(self) -> None:
        """Never returns; cancel it."""
        while True:
            try:
                await self.follow()
            except grpc.aio.AioRpcError as error:
                _log.debug("source %s: %s", self.source.name, error.code().name)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                _log.debug("source %s: %s", self.source.name, type(error).__name__)
            except ValueError as error:
                _log.error("source %s does not keep its contract: %s", self.source.name, error)
            except sqlite3.Error as error:
                _log.error("blocks of source %s cannot be stored: %s", self.source.name, type(error).__name__)
            except Exception as error:  # noqa: BLE001 - one source must not end for good; the text may hold secrets
                _log.error("source %s: %s", self.source.name, type(error).__qualname__)
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)

    def went_well(self) -> None:
        """Something has come: after the next failure it is asked again soon."""
        self._pause = _FIRST_PAUSE_S

    @abstractmethod
    async def follow(self) -> None:
        """Reads until something fails. Raises what `run` catches; ValueError shows no key bytes."""
