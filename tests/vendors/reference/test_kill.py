"""kill -9 of either KME at random moments under load: nothing lost, doubled or different.

The number of kills comes from QKD_KILLS (default 12): QKD_KILLS=200 pytest tests/vendors/reference/test_kill.py
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import closing
from pathlib import Path

import pytest
import uvloop

from tests.vendors.reference.kme_process import KMES, Site
from tests.vendors.reference.load import SAES, Load

KILLS = int(os.environ.get("QKD_KILLS", "12"))


# aiohappyeyeballs, under the load's client, leaves sockets of refused connections to the collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.timeout(60 + 10 * KILLS)
def test_kill_9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, SAES)
    load = Load(site)
    with closing(site):
        for kme_id in KMES:
            site.start(kme_id)
        uvloop.run(kill_under_load(site, load))
    books = load.books
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills: {books.issued} keys issued, {len(books.delivered)} copies delivered, "
            f"{books.unanswered} calls cut short; {len(books.lost)} lost, {len(books.doubled)} doubled, "
            f"{len(books.differing)} differing\n"
        )
    assert books.issued > 2 * KILLS  # it was under load, however slow the machine
    assert books.unanswered >= KILLS / 4  # and the kills were felt
    assert (books.lost, books.doubled, books.differing) == ([], [], [])


async def kill_under_load(site: Site, load: Load) -> None:
    moments = random.Random(7)
    killed = 0

    async def both(stage: str) -> None:
        while not all(site.facts(kme_id, stage) for kme_id in KMES):  # noqa: ASYNC110 - other processes' events
            await asyncio.sleep(0.01)

    async def kill() -> None:
        nonlocal killed
        while killed < KILLS:
            await both("ready")
            await asyncio.sleep(moments.uniform(0.0, 0.4))  # the moment is the random thing, no state is awaited
            kme_id = moments.choice(KMES)
            site.kill(kme_id)
            site.start(kme_id)
            killed += 1
        await both("ready")

    killer = asyncio.create_task(kill())
    try:
        await load.run(until=killer.done)
        await killer
        # what is delivered stays delivered, once the time for asking again is over
        for kme_id in KMES:
            site.kill(kme_id)
        site.settings = {"recovery_s": "0"}
        for kme_id in KMES:
            site.start(kme_id)
        await both("ready")
        await load.ask_again()
    finally:
        killer.cancel()
        await load.close()
