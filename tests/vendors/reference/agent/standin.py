"""A node that does as it is told, for tests of the northern side; and controllers that ask."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.pki import Authority, Issued
from qkd.node.v1.agent_pb2 import NODE_STATUS_OPERATING, QkdApplication, QkdLink, SdNode, WatchNotificationsResponse
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, ProvisionAgentRequest
from tests.harness.yang.data import OWN
from vendors.reference.agent.agent import Agent, Endpoints
from vendors.reference.agent.live import LiveNode, RefusedByNodeError

AUTHORITY = Authority()
AGENT = AUTHORITY.issue_kme("agent-1")
CONTROLLER = AUTHORITY.issue_sae("controller-1")
SECOND = AUTHORITY.issue_sae("controller-2")
STRANGER = AUTHORITY.issue_sae("somebody")
TOKEN = "token-of-the-agent"
T = "etsi-qkd-node-types:"


class StandIn:
    """A `LiveNode` with two interfaces, which is as configured at once.

    Attributes:
        links, applications: as last applied.
        applied: how often that was.
        refuse: id of a link that it refuses.
    """

    def __init__(self) -> None:
        self.links: list[QkdLink] = []
        self.applications: list[QkdApplication] = []
        self.applied = 0
        self.refuse = ""
        self._queues: list[asyncio.Queue[WatchNotificationsResponse]] = []

    def observed(self) -> SdNode:
        node = SdNode(qkdn_id=OWN, qkdn_status=NODE_STATUS_OPERATING, qkdn_version="stand-in 1")
        for number in (1, 2):
            node.qkd_interfaces.add(
                qkdi_id=number, qkdi_model="ACME 1", qkdi_type=2, role_support=number, wavelength_range="30-40",
                max_absorption=12.5, device="switch-1", port=number, qkdi_status=1,
            )  # fmt: skip
        for link in self.links:
            off = link.HasField("qkdl_enable") and not link.qkdl_enable
            seen = node.qkd_links.add(qkdl_id=link.qkdl_id, qkdl_status=4 if off else 1)
            seen.qkdl_performance.skr = 0 if off else 2000
            if link.qkdl_type == 2:
                seen.qkdl_performance.phys_perf.add(perf_type=1, value=2.1)
        for app in self.applications:
            seen_app = node.qkd_applications.add(app_id=app.app_id, app_status=1)
            seen_app.creation_time.FromSeconds(1_790_000_000)
            period = seen_app.statistics.add(consumed_bits=256)
            period.end_time.FromSeconds(1_790_000_060)
            period.start_time.FromSeconds(1_790_000_000)
        return node

    async def apply(self, links: Sequence[QkdLink], applications: Sequence[QkdApplication]) -> None:
        await asyncio.sleep(0)
        for link in links:
            if link.qkdl_id == self.refuse:
                raise RefusedByNodeError(f"link {link.qkdl_id}", "interface 1 is in use", "qkdl_local/qkdi_id")
        self.links, self.applications = list(links), list(applications)
        self.applied += 1

    async def notifications(self) -> AsyncIterator[WatchNotificationsResponse]:
        queue: asyncio.Queue[WatchNotificationsResponse] = asyncio.Queue()
        self._queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    def notify(self, one: WatchNotificationsResponse) -> None:
        for queue in self._queues:
            queue.put_nowait(one)


def client_context(issued: Issued | None = CONTROLLER, trust: bytes = AUTHORITY.certificate_pem) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trust.decode())
    if issued is not None:
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder, "chain.pem")
            chain.write_bytes(issued.private_key_pem + issued.certificate_pem)
            context.load_cert_chain(chain)
    return context


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, str]:
        """The one error of an errors body."""
        assert self.headers["content-type"].startswith("application/yang-data+json")
        (error,) = self.json["ietf-restconf:errors"]["error"]
        assert error["error-type"] in ("transport", "rpc", "protocol", "application")
        return dict(error)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and error-tag."""
        return self.status, self.error["error-tag"]


JSON = "application/yang-data+json"


@dataclass
class Controller:
    """A client that sends exactly what it is told, one connection a request."""

    port: int
    context: ssl.SSLContext = field(default_factory=client_context)

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Header names are given with "_" for "-"; a body that is no bytes is sent as JSON."""
        return await asyncio.to_thread(self._send, method, path, body, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", JSON)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@dataclass
class Bench:
    """An agent in this process, the node behind it, and a controller."""

    agent: Agent
    node: StandIn
    endpoints: Endpoints
    ask: Controller

    @property
    def port(self) -> int:
        return self.ask.port


def provision(**settings: str) -> ProvisionAgentRequest:
    request = ProvisionAgentRequest(
        instance_id="agent-1",
        qkdn_id=OWN,
        location_id="vault 1",
        token=TOKEN,
        controllers=["controller-1", "controller-2"],
    )
    request.settings.update(settings)
    request.credentials.certificate_pem = AGENT.certificate_pem
    request.credentials.private_key_pem = AGENT.private_key_pem
    request.credentials.trust_pem = AUTHORITY.certificate_pem
    return request


@asynccontextmanager
async def bench(state: Path, *, connected: bool = True, **settings: str) -> AsyncIterator[Bench]:
    node = StandIn()

    @asynccontextmanager
    async def make(
        _request: ProvisionAgentRequest, _connect: ConnectAgentRequest, _folder: Path
    ) -> AsyncIterator[LiveNode]:
        yield node

    agent = Agent(provision(**settings), state, make)
    endpoints = await agent.start()
    try:
        if connected:
            await agent.connect(ConnectAgentRequest(instance_id="agent-1"))
        port = int(endpoints.restconf_url.rpartition(":")[2])
        yield Bench(agent, node, endpoints, Controller(port))
    finally:
        await agent.stop()
