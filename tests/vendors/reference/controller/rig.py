"""A controller in this process, over agents that are nothing but their tree."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from harness.pki import Authority
from harness.sdk import bearer_metadata, loopback_channel
from qkd.control.v1 import controller_pb2 as wire
from qkd.control.v1.controller_pb2_grpc import ControllerServiceStub
from qkd.node.v1.agent_pb2 import LinkEnd
from tests.vendors.reference.controller.agents import Agent, Agents, interface, node_id, served
from vendors.reference.controller.controller import Controller, Provision
from vendors.reference.controller.restconf import Credentials
from vendors.reference.controller.settings import ControllerSettings

AUTHORITY = Authority()
TOKEN = "the token of the controller"
SETTINGS = ControllerSettings(poll_s=30.0, poll_without_stream_s=0.05, first_pause_s=0.02, longest_pause_s=0.1)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test, of at most 30 s."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*arguments, **named)

        uvloop.run(bounded())

    return run


def credentials(authority: Authority = AUTHORITY) -> Credentials:
    issued = authority.issue_kme("controller")
    return Credentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)


def link_id(one: int, other: int) -> str:
    return str(uuid.UUID(int=0x11 << 96 | one << 32 | other))


@dataclass
class Rig:
    """A controller, who speaks to it, and its nodes."""

    controller: Controller
    stub: Any  # its calls are asynchronous, which the generated type does not say
    agents: Agents

    async def network(self) -> wire.GetNetworkResponse:
        answer: wire.GetNetworkResponse = await self.stub.GetNetwork(wire.GetNetworkRequest())
        return answer

    async def add_all(self) -> None:
        nodes = [wire.NodeAddress(restconf_url=self.agents.url(number)) for number in self.agents.agents]
        added = await self.stub.AddNodes(wire.AddNodesRequest(nodes=nodes))
        assert list(added.qkdn_ids) == [agent.id for agent in self.agents.agents.values()]

    async def join(self, one: int, other: int) -> wire.NetworkLink:
        """A PHYS link: interface `other` of node `one`, interface `one` of node `other`."""
        request = wire.CreatePhysicalLinkRequest(
            qkdl_id=link_id(one, other),
            one=LinkEnd(qkdn_id=node_id(one), qkdi_id=other),
            other=LinkEnd(qkdn_id=node_id(other), qkdi_id=one),
        )
        link: wire.NetworkLink = (await self.stub.CreatePhysicalLink(request)).link
        return link

    async def admit(
        self, ends: tuple[int, int], bps: int, *, priority: int = 0, name: str = "app"
    ) -> wire.NetworkApplication:
        request = wire.AdmitApplicationRequest(
            server_app_id=f"sae:{name}-server",
            client_app_ids=[f"sae:{name}-client"],
            server_qkdn_id=node_id(ends[0]),
            client_qkdn_id=node_id(ends[1]),
            priority=priority,
        )
        request.qos.min_bandwidth = bps
        app: wire.NetworkApplication = (await self.stub.AdmitApplication(request)).application
        return app

    async def journal(self, kind: str, first: int = 1) -> wire.WatchJournalResponse:
        """Waits for an entry of a kind."""
        call = self.stub.WatchJournal(wire.WatchJournalRequest(first=first))
        seen = []
        try:
            async with asyncio.timeout(10):
                async for entry in call:
                    seen.append(entry.kind)
                    if entry.kind == kind:
                        return entry  # type: ignore[no-any-return]
        except TimeoutError:
            raise AssertionError(f"no {kind} in the journal, but {seen}") from None
        finally:
            call.cancel()
        raise AssertionError("the journal ended")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for a state of the nodes."""
        try:
            async with asyncio.timeout(10):
                while not condition():  # noqa: ASYNC110 - bounded
                    await asyncio.sleep(0.01)
        except TimeoutError:
            logs = {number: agent.log for number, agent in self.agents.agents.items()}
            raise AssertionError(f"not so within 10 s: {what}; the nodes took {logs}") from None


@asynccontextmanager
async def controlled(
    folder: Path, agents: Agents, settings: ControllerSettings = SETTINGS, **named: Any
) -> AsyncIterator[Rig]:
    """A controller over agents that are up."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    controller = Controller(Provision(credentials(), TOKEN, settings=settings, **named), folder)
    try:
        address = await controller.start()
        async with loopback_channel(address) as channel:
            yield Rig(controller, Authorised(ControllerServiceStub(channel)), agents)
    finally:
        await controller.stop()


class Authorised:
    """A stub that shows the token."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(self._stub, name), metadata=bearer_metadata(TOKEN))


def mesh(pairs: Iterable[tuple[int, int]]) -> list[Agent]:
    """Nodes with an interface for each neighbour, whose number is that of the neighbour."""
    neighbours: dict[int, list[tuple[int, str]]] = {}
    for one, other in pairs:
        neighbours.setdefault(one, []).append((other, "TRANSMITTER"))
        neighbours.setdefault(other, []).append((one, "RECEIVER"))
    return [
        Agent(number, [interface(other, role) for other, role in sorted(some)])
        for number, some in sorted(neighbours.items())
    ]


@asynccontextmanager
async def joined(folder: Path, pairs: Sequence[tuple[int, int]], **named: Any) -> AsyncIterator[Rig]:
    """A controller over a network whose links are made."""
    async with served(AUTHORITY, mesh(pairs)) as agents, controlled(folder, agents, **named) as rig:
        await rig.add_all()
        for one, other in pairs:
            await rig.join(one, other)
        await rig.until(lambda: all(agent.readers for agent in agents.agents.values()), "the controller listens")
        yield rig
