"""An agent with NETCONF, and peers of it that send exactly what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from lxml import etree

from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest
from tests.vendors.reference.agent.standin import Bench, Controller, StandIn, provision
from vendors.reference.agent.agent import Agent
from vendors.reference.agent.netconf.framing import Framer, framed

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
WAIT_S = 60.0
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
NODE_SPACE = "urn:etsi:qkd:yang:etsi-qkd-node"
TYPES_SPACE = "urn:etsi:qkd:yang:etsi-qkd-node-types"
SPACES = {"nc": BASE, "n": NODE_SPACE, "nn": "urn:ietf:params:xml:ns:netconf:notification:1.0"}


@asynccontextmanager
async def netconf_bench(state: Path, **settings: str) -> AsyncIterator[Bench]:
    node = StandIn()

    @asynccontextmanager
    async def make(*_given: object) -> AsyncIterator[StandIn]:
        yield node

    request = provision(**settings)
    request.netconf_users.add(name="operator", public_key=KEY.export_public_key("openssh").decode())
    agent = Agent(request, state, make)
    endpoints = await agent.start()
    try:
        await agent.connect(ConnectAgentRequest(instance_id="agent-1"))
        yield Bench(agent, node, endpoints, Controller(int(endpoints.restconf_url.rpartition(":")[2])))
    finally:
        await agent.stop()


def port_of(b: Bench) -> int:
    return int(b.endpoints.netconf_address.rpartition(":")[2])


@asynccontextmanager
async def connection(
    b: Bench, key: asyncssh.SSHKey = KEY, user: str = "operator"
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{port_of(b)} {b.endpoints.netconf_host_key}\n")
    async with asyncssh.connect(
        "127.0.0.1", port_of(b), username=user, client_keys=[key], known_hosts=known, config=(), agent_path=None,
        login_timeout=WAIT_S,
    ) as made:  # fmt: skip
        yield made


@dataclass
class Peer:
    """A NETCONF client."""

    process: asyncssh.SSHClientProcess[bytes]
    framer: Framer
    hello: Any = None
    chunked: bool = True

    async def read(self) -> etree._Element:
        async with asyncio.timeout(WAIT_S):
            while (message := self.framer.next()) is None:
                octets = await self.process.stdout.read(65536)
                assert octets, "the session has ended"
                self.framer.feed(octets)
        return etree.fromstring(message)

    async def ended(self) -> bool:
        """Whether the session ends, with nothing more said."""
        async with asyncio.timeout(WAIT_S):
            return not self.framer.next() and not await self.process.stdout.read()

    def send(self, message: bytes) -> None:
        self.process.stdin.write(framed(message, chunked=self.chunked))

    async def rpc(self, operation: str, **attributes: str) -> etree._Element:
        """The reply to an operation, given without the namespace of NETCONF."""
        given = "".join(f' {name}="{value}"' for name, value in attributes.items())
        self.send(f'<rpc xmlns="{BASE}" message-id="7"{given}>{operation}</rpc>'.encode())
        return await self.read()

    async def edit(self, config: str, options: str = "") -> etree._Element:
        text = f"<target><running/></target>{options}<config>{config}</config>"
        return await self.rpc(f"<edit-config xmlns:nc='{BASE}'>{text}</edit-config>")


@asynccontextmanager
async def peer(ssh: asyncssh.SSHClientConnection, *, version: str = "1.1", hello: str = "") -> AsyncIterator[Peer]:
    process: Any = await ssh.create_process(subsystem="netconf", encoding=None)
    try:
        made = Peer(process, Framer(1 << 24))
        able = f"<capabilities><capability>urn:ietf:params:netconf:base:{version}</capability></capabilities>"
        made.chunked = False
        made.send(hello.encode() or f'<hello xmlns="{BASE}">{able}</hello>'.encode())
        made.hello = await made.read()
        made.chunked = made.framer.chunked = version == "1.1"
        yield made
    finally:
        process.close()


def error_of(reply: etree._Element) -> dict[str, str]:
    """The one rpc-error of a reply; error-info as "info"."""
    (error,) = reply.findall("nc:rpc-error", SPACES)
    found = {etree.QName(one).localname: one.text or "" for one in error}
    found["info"] = " ".join(
        f"{etree.QName(one).localname}={one.text}" for one in error.findall("nc:error-info/*", SPACES)
    )
    assert found["error-severity"] == "error"
    return found


def is_ok(reply: etree._Element) -> bool:
    assert [one.tag for one in reply] == [f"{{{BASE}}}ok"], etree.tostring(reply)
    return True
