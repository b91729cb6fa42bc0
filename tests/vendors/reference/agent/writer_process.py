"""Writes to a datastore for ever, until it is killed: python -m tests.vendors.reference.agent.writer_process FOLDER.

Says on stdout, a line each, how many links are stored for certain.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harness.yang import load_model
from harness.yang.model import NODE
from tests.harness.yang.data import OWN
from tests.vendors.reference.agent.standin import StandIn
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.settings import AgentSettings
from vendors.reference.agent.state_file import StateFile
from vendors.reference.agent.tree import Edit, Operation


def link_id(number: int) -> str:
    return f"5d1f5d4e-8f0b-4d3c-8a88-{number:012x}"


def opened(folder: Path) -> Datastore:
    file = StateFile(folder)
    return Datastore(load_model(), file, AgentSettings(), qkdn_id=OWN, location_id="", live=StandIn())


async def main(folder: Path) -> None:
    store, number = opened(folder), 0
    while True:
        steps = store.model.resource(f"{NODE}/qkd_links/qkd_link={link_id(number)}")
        await store.edit([Edit(Operation.CREATE, steps, {"qkdl_id": link_id(number)})])
        number += 1
        print(number, flush=True)  # noqa: T201 - how the test learns it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
