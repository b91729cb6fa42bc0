from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.sdk import bearer_metadata, loopback_channel, read_error
from qkd.node.v1.agent_pb2 import (
    APPLICATION_TYPE_CLIENT,
    LINK_TYPE_PHYS,
    DeleteApplicationRequest,
    DeleteLinkRequest,
    GetNodeRequest,
    PutApplicationRequest,
    PutLinkRequest,
    QkdApplication,
    QkdLink,
    WatchNotificationsRequest,
    WatchNotificationsResponse,
)
from qkd.node.v1.agent_pb2_grpc import AgentServiceStub
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest
from tests.harness.yang.data import APP, FAR, LINK, OWN
from tests.vendors.reference.agent.standin import TOKEN, Bench, StandIn, bench, client_context, provision
from vendors.reference.agent.hub import Hub
from vendors.reference.agent.vendor import AgentVendor

WAIT_S = 20.0
STREAM = "/restconf/streams/NETCONF"


def down(reason: str) -> WatchNotificationsResponse:
    one = WatchNotificationsResponse()
    one.event_time.FromJsonString("2026-11-23T06:00:00Z")
    one.sdqkdn_link_down.qkdl_id = LINK
    one.sdqkdn_link_down.reason = reason
    return one


class Stream:
    """A reader of server-sent events."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def line(self) -> str:
        """The next line of the stream, without the chunks around it."""
        async with asyncio.timeout(WAIT_S):
            while True:
                text = (await self._reader.readline()).decode()
                if text.startswith((":", "data:")):
                    return text.strip()
                if not text:
                    return ""

    async def event(self) -> Any:
        while not (line := await self.line()).startswith("data:"):
            assert line, "the stream has ended"
        return json.loads(line.removeprefix("data:"))


@asynccontextmanager
async def stream(b: Bench) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", b.port, ssl=client_context())
    try:
        writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200 ")
        assert "Content-Type: text/event-stream" in head
        opened = Stream(reader)
        assert (await opened.line()).startswith(": ")
        yield opened
    finally:
        writer.close()


async def until_no_reader(b: Bench, *, notify: str = "") -> None:
    async with asyncio.timeout(WAIT_S):
        while b.agent.hub._readers:
            if notify:
                b.node.notify(down(notify))
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_every_reader_gets_every_notification(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, stream(b) as one, stream(b) as other:
        b.node.notify(down("cut"))
        b.node.notify(down("again"))
        for reader in (one, other):
            assert await reader.event() == {
                "ietf-restconf:notification": {
                    "eventTime": "2026-11-23T06:00:00Z",
                    "etsi-qkd-sdn-node:sdqkdn_link_down": {"qkd_link": {"qkdl_id": LINK, "reason": "cut"}},
                }
            }
            assert "again" in str(await reader.event())


@pytest.mark.anyio
async def test_all_eleven_notifications_come_as_the_model_has_them(tmp_path: Path) -> None:
    names = [field.name for field in WatchNotificationsResponse.DESCRIPTOR.oneofs_by_name["notification"].fields]
    assert len(names) == 11
    async with bench(tmp_path) as b, stream(b) as reader:
        for name in names:
            one = WatchNotificationsResponse()
            one.event_time.FromJsonString("2026-11-23T06:00:00.5Z")
            if name == "sdqkdn_application_disconnected":
                one.sdqkdn_application_disconnected = APP
            elif name == "sdqkdn_interface_out":
                one.sdqkdn_interface_out = 0
            else:
                getattr(one, name).SetInParent()
            b.node.notify(one)
            envelope = (await reader.event())["ietf-restconf:notification"]
            assert envelope.pop("eventTime") == "2026-11-23T06:00:00.500Z"
            ((qualified, content),) = envelope.items()
            assert qualified == f"etsi-qkd-sdn-node:{name}"
            assert not b.agent.store.model.notification(qualified, content)


@pytest.mark.anyio
async def test_streams_are_bounded_and_end_with_the_agent(tmp_path: Path) -> None:
    async with bench(tmp_path, max_streams="1", keep_alive_s="0.05") as b:
        async with stream(b) as one:
            refused = await b.ask("GET", STREAM)
            assert refused.refusal == (409, "resource-denied")
            assert await one.line() == ":"  # kept alive
            assert (await b.ask("POST", STREAM)).refusal == (405, "operation-not-supported")
        await until_no_reader(b)  # a peer that is gone is noticed
        async with stream(b) as two:
            await b.agent.hub.end()
            while await two.line():
                pass


@pytest.mark.anyio
async def test_who_does_not_read_is_cut_off_alone() -> None:
    hub, node = Hub(most=2, backlog=3), StandIn()
    await hub.attach(node)
    slow, quick = hub.open(), hub.open()
    cut = asyncio.Event()
    slow.on_cut = cut.set
    for number in range(5):
        node.notify(down(str(number)))
        got = await asyncio.wait_for(quick.next(), WAIT_S)
        assert got is not None
        assert got.sdqkdn_link_down.reason == str(number)
    assert cut.is_set()
    assert (slow.cut, await slow.next()) == (True, None)
    await hub.end()
    assert await quick.next() is None


@pytest.mark.anyio
async def test_a_peer_that_does_not_read_is_disconnected(tmp_path: Path) -> None:
    async with bench(tmp_path, stream_backlog="4") as b, stream(b):
        await until_no_reader(b, notify="x" * 200_000)


# -- gRPC ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stub(b: Bench) -> AsyncIterator[Any]:  # the types of stubs are those of blocking channels
    async with loopback_channel(b.endpoints.grpc_address) as channel:
        yield AgentServiceStub(channel)


AUTH = bearer_metadata(TOKEN)


@pytest.mark.anyio
async def test_the_same_node_by_grpc(tmp_path: Path) -> None:
    link = QkdLink(qkdl_id=LINK, qkdl_type=LINK_TYPE_PHYS, phys_wavelength="37", phys_channel_att=7.25)
    link.qkdl_local.qkdi_id = 1
    link.qkdl_remote.qkdn_id = FAR
    async with bench(tmp_path) as b, stub(b) as agent:
        await agent.PutLink(PutLinkRequest(link=link), metadata=AUTH)
        app = QkdApplication(app_id=APP, app_type=APPLICATION_TYPE_CLIENT, server_app_id="sae:alice")
        app.client_app_ids.append("sae:bob")
        await agent.PutApplication(PutApplicationRequest(application=app), metadata=AUTH)
        node = (await agent.GetNode(GetNodeRequest(), metadata=AUTH)).node
        assert (node.qkdn_id, node.qkdn_status, len(node.qkd_interfaces)) == (OWN, 2, 2)
        assert (node.qkd_links[0].qkdl_status, node.qkd_links[0].phys_channel_att) == (1, 7.25)
        assert node.qkd_applications[0].statistics[0].consumed_bits == 256
        shown = await b.ask("GET", f"/restconf/data/etsi-qkd-sdn-node:qkd_node/qkd_links/qkd_link={LINK}")
        assert shown.json["etsi-qkd-sdn-node:qkd_link"][0]["phys_channel_att"] == "7.25"
        for wrong, code in {"41": "FAILED_PRECONDITION", "x": "INVALID_ARGUMENT"}.items():
            link.phys_wavelength = wrong
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await agent.PutLink(PutLinkRequest(link=link), metadata=AUTH)
            assert refused.value.code().name == code
            assert read_error(refused.value).metadata["error_path"].endswith("/phys_wavelength")
        await agent.DeleteLink(DeleteLinkRequest(qkdl_id=LINK), metadata=AUTH)
        await agent.DeleteApplication(DeleteApplicationRequest(app_id=APP), metadata=AUTH)
        assert (b.node.links, b.node.applications) == ([], [])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agent.DeleteLink(DeleteLinkRequest(qkdl_id=LINK), metadata=AUTH)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agent.GetNode(GetNodeRequest(), metadata=bearer_metadata("other"))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.anyio
async def test_notifications_by_grpc(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, stub(b) as agent:
        call = agent.WatchNotifications(WatchNotificationsRequest(), metadata=AUTH)
        await asyncio.wait_for(call.initial_metadata(), WAIT_S)
        b.node.notify(down("cut"))
        one = await asyncio.wait_for(call.read(), WAIT_S)
        assert one == down("cut")
        call.cancel()


# -- as the harness hosts it -----------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_vendor_raises_and_releases(tmp_path: Path) -> None:
    raised: list[Path] = []

    @asynccontextmanager
    async def make(_request: object, _connect: object, folder: Path) -> AsyncIterator[StandIn]:
        raised.append(folder)
        yield StandIn()
        raised.remove(folder)

    vendor = AgentVendor(make)
    response = await vendor.provision_agent(provision(), tmp_path)
    assert response.restconf_url.startswith("https://127.0.0.1:")
    connect = ConnectAgentRequest(instance_id="agent-1")
    await vendor.connect_agent(connect)
    await vendor.connect_agent(connect)  # a part has moved
    assert raised == [tmp_path]
    await vendor.release_instance("agent-1")
    assert raised == []
    await vendor.shutdown()


@pytest.mark.anyio
@pytest.mark.parametrize("broken", ["settings", "qkdn_id", "certificate"])
async def test_the_vendor_refuses_what_is_wrong(tmp_path: Path, broken: str) -> None:
    request = provision()
    if broken == "settings":
        request.settings["profile"] = "other"
    elif broken == "qkdn_id":
        request.qkdn_id = "node-1"
    else:
        request.credentials.certificate_pem = b"nothing"
    with pytest.raises(Exception, match="PROVISION_INVALID") as refused:
        await AgentVendor(lambda *_: None).provision_agent(request, tmp_path)  # type: ignore[arg-type]
    assert "PRIVATE KEY" not in str(refused.value)


@pytest.mark.anyio
async def test_an_agent_comes_back_where_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = b.endpoints
    async with bench(tmp_path) as b:
        assert b.endpoints == first
        other = tmp_path / "other"
        other.mkdir()
        (other / "ports.json").write_bytes((tmp_path / "ports.json").read_bytes())
        async with bench(other) as second:  # its port is taken
            assert second.endpoints.restconf_url != first.restconf_url
            assert (await second.ask("GET", "/restconf")).status == 200
