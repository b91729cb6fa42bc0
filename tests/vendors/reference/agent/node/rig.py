"""Live nodes over whole KMEs and emulated modules on a plant, all in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from qkd.node.v1 import agent_pb2 as model
from qkd.vendor.v1 import vendor_pb2 as vendor
from tests.vendors.reference.rig import AUTHORITY
from vendors.reference.agent.node import Node, live_node
from vendors.reference.clock import Clock

QUICK = {"node_poll_s": "0.05", "node_told_s": "3", "node_perf_interval_s": "0.01", "node_longest_pause_s": "0.2"}
IDS = {end: f"{number:08d}-0000-4000-8000-000000000000" for number, end in enumerate("abc", 1)}
LINK, OTHER, APP = (f"0000000{number}-1111-4000-8000-000000000000" for number in (1, 2, 3))


def remote(end: str) -> vendor.RemoteNode:
    interfaces = [vendor.RemoteInterface(qkdi_id=1, module_id=f"{end}/m")]
    return vendor.RemoteNode(qkdn_id=IDS[end], kme_id=f"kme-{end}", interfaces=interfaces)


def requests(end: str, **connect: Any) -> tuple[vendor.ProvisionAgentRequest, vendor.ConnectAgentRequest]:
    """As the harness would say them."""
    issued = AUTHORITY.issue_sae("agent")
    credentials = vendor.Credentials(
        certificate_pem=issued.certificate_pem,
        private_key_pem=issued.private_key_pem,
        trust_pem=AUTHORITY.certificate_pem,
    )
    provision = vendor.ProvisionAgentRequest(
        instance_id=end, qkdn_id=IDS[end], location_id=f"site {end}", credentials=credentials, settings=QUICK
    )
    others = [remote(other) for other in IDS if other != end]
    return provision, vendor.ConnectAgentRequest(kme_id=f"kme-{end}", remote_nodes=others, **connect)


async def raise_node(stack: AsyncExitStack, folder: Path, end: str, clock: Clock | None = None, **connect: Any) -> Node:
    """A live node until the stack ends."""
    state = folder / f"agent-{end}"
    state.mkdir(exist_ok=True)
    return await stack.enter_async_context(live_node(*requests(end, **connect), state, clock))


def physical(end: str, peer: str, link_id: str = LINK, **more: Any) -> model.QkdLink:
    """A link as written at one of its ends; a sends."""
    given: dict[str, Any] = {
        "phys_wavelength": "37",
        "phys_channel_att": 5.0,
        "phys_qkd_role": model.LINK_ROLE_TRANSMITTER if end == "a" else model.LINK_ROLE_RECEIVER,
    }
    return model.QkdLink(
        qkdl_id=link_id,
        qkdl_local=model.LinkEnd(qkdn_id=IDS[end], qkdi_id=1),
        qkdl_remote=model.LinkEnd(qkdn_id=IDS[peer], qkdi_id=1),
        qkdl_type=model.LINK_TYPE_PHYS,
        **(given | more),
    )


def virtual(link_id: str, *ends: str, at: str, **more: Any) -> model.QkdLink:
    """A virtual link over these nodes, as written at one of them."""
    place = ends.index(at)
    local, far = (ends[-1], ends[0]) if at == ends[-1] else (ends[0], ends[-1])
    return model.QkdLink(
        qkdl_id=link_id,
        qkdl_local=model.LinkEnd(qkdn_id=IDS[local]),
        qkdl_remote=model.LinkEnd(qkdn_id=IDS[far]),
        qkdl_type=model.LINK_TYPE_VIRT,
        virt_prev_hop=IDS[ends[place - 1]] if place else "",
        virt_next_hops=[IDS[one] for one in ends[place + 1 : place + 2]],
        **more,
    )


def application(server: str, client: str, at: str, app_id: str = APP, **more: Any) -> model.QkdApplication:
    """An application between SAEs of two nodes, as written at one of them."""
    return model.QkdApplication(
        app_id=app_id,
        app_type=model.APPLICATION_TYPE_CLIENT,
        server_app_id=f"sae:sae-{server}",
        client_app_ids=[f"sae-{client}"],
        local_qkdn_id=IDS[at],
        remote_qkdn_id=IDS[client if at == server else server],
        **more,
    )


class Heard:
    """All notifications of a node from now on."""

    def __init__(self, notices: AsyncIterator[model.WatchNotificationsResponse]) -> None:
        self.all: list[model.WatchNotificationsResponse] = []
        self._task = asyncio.create_task(self._listen(notices))

    async def _listen(self, notices: AsyncIterator[model.WatchNotificationsResponse]) -> None:
        async for notice in notices:
            self.all.append(notice)

    def of(self, kind: str) -> list[Any]:
        return [getattr(one, kind) for one in self.all if one.WhichOneof("notification") == kind]

    async def until(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        await until(
            lambda: any(map(fits, self.of(kind))), f"{kind} in {[o.WhichOneof('notification') for o in self.all]}"
        )
        return next(filter(fits, self.of(kind)))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def listen(stack: AsyncExitStack, node: Node) -> Heard:
    heard = Heard(node.notifications())
    stack.push_async_callback(heard.stop)
    return heard


async def until(so: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(15):
            while not so():  # noqa: ASYNC110 - bounded; states in several objects
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what}: not within 15 s") from None


def statuses(node: Node) -> Sequence[str]:
    """Of all links."""
    return [model.LinkStatus.Name(link.qkdl_status).removeprefix("LINK_STATUS_") for link in node.observed().qkd_links]
