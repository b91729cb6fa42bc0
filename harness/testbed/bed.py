"""A network of KMEs that the harness has raised."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

from harness.hosting.errors import HostingError
from harness.hosting.host import Host
from harness.hosting.log import LogTail
from harness.pki import Wallet
from harness.testbed.key_source import KeySource
from harness.testbed.network import Network
from harness.testbed.outsiders import hosted_outsiders
from harness.testbed.reached import Outsiders, Reached, ReachedKme, ReachedSae
from qkd.vendor.v1 import vendor_pb2

_NOT_IN_INSTANCE_ID = re.compile(r"[^A-Za-z0-9._-]")


class Bed:
    """Hosted KMEs, connected with each other. Made by `raise_pair` and `provision_pair`.

    Args:
        network: what it consists of.
        hosts: by KME ID; a host may hold several KMEs.
        key_source: has a link for each of the network.
        variant: which variant of the implementation to raise.
        settings: in the implementation's own words.

    Attributes:
        network, hosts, key_source: as above.
    """

    def __init__(
        self,
        network: Network,
        hosts: Mapping[str, Host],
        key_source: KeySource,
        *,
        variant: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.network = network
        self.hosts = hosts
        self.key_source = key_source
        self._wallet: Wallet = next(iter(hosts.values())).wallet
        self._outsiders: Outsiders = hosted_outsiders(self._wallet, network.saes[0].id)
        self._requests = {kme.id: self._request(kme.id, variant, dict(settings or {})) for kme in network.kmes}
        self._tried: set[str] = set()
        self._answers: dict[str, vendor_pb2.ProvisionKmeResponse] = {}

    @property
    def reached(self) -> Reached:
        """How the KMEs are reached now; a KME may have moved after `restart`."""
        return Reached(
            trust_pem=self._wallet.trust_pem,
            kmes=tuple(
                ReachedKme(kme.id, self._answers[kme.id].etsi014_url, self._answers[kme.id].grpc_address or None)
                for kme in self.network.kmes
            ),
            saes=tuple(self._reached_sae(sae.id, sae.kme) for sae in self.network.saes),
            outsiders=self._outsiders,
        )

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ID by KME ID; None when it runs in this process."""
        return {kme: host.pid for kme, host in self.hosts.items()}

    def log_tail(self, kme_id: str) -> LogTail:
        """The tail of the log of the process that holds this KME."""
        return self.hosts[kme_id].log_tail()

    async def provision(self) -> None:
        """Raises all KMEs, at the same time, and connects them.

        Raises:
            HostingError: the first thing that went wrong.
        """
        await self._provision(self._requests)
        await self._connect()

    async def release(self) -> None:
        """Ends all KMEs and destroys their stores, those too that did not come up (as far as they are there).

        Raises:
            HostingError: the first thing that went wrong with a KME that was up.
        """

        async def one(kme: str, *, up: bool) -> None:
            try:
                await self.hosts[kme].release_kme(self._requests[kme].instance_id)
            except HostingError:
                if up:
                    raise

        tried, self._tried = self._tried, set()
        up, self._answers = set(self._answers), {}
        await to_the_end(one(kme, up=kme in up) for kme in tried)

    async def restart(self, kme_id: str, *, graceful: bool = False) -> None:
        """Ends the process that holds this KME (SIGKILL unless `graceful`) and brings its KMEs up again.

        The stores go on as they were left. Only the KMEs of this testbed are brought up again.

        Raises:
            HostingError: the first thing that went wrong.
        """
        host = self.hosts[kme_id]
        await host.restart(graceful=graceful)
        await self._provision([kme for kme, its in self.hosts.items() if its is host])
        await self._connect()

    async def kill(self, kme_id: str) -> None:
        """Kills (SIGKILL) the process that holds this KME; `restart` brings it up again."""
        await self.hosts[kme_id].kill()

    async def _provision(self, kmes: Iterable[str]) -> None:
        async def one(kme: str) -> None:
            self._tried.add(kme)
            self._answers[kme] = await self.hosts[kme].provision_kme(self._requests[kme])

        await to_the_end(one(kme) for kme in kmes)

    async def _connect(self) -> None:
        await to_the_end(self.hosts[kme].connect_kme(self._peers_of(kme)) for kme in self._requests)

    def _peers_of(self, kme: str) -> vendor_pb2.ConnectKmeRequest:
        peers = [
            vendor_pb2.Peer(kme_id=other, peer_address=answer.peer_address)
            for other, answer in self._answers.items()
            if other != kme
        ]
        return vendor_pb2.ConnectKmeRequest(instance_id=self._requests[kme].instance_id, peers=peers)

    def _request(self, kme: str, variant: str, settings: dict[str, str]) -> vendor_pb2.ProvisionKmeRequest:
        issued = self._wallet.kme(kme)
        name = _NOT_IN_INSTANCE_ID.sub("_", kme)[:64]
        return vendor_pb2.ProvisionKmeRequest(
            instance_id=f"{name}.{secrets.token_hex(4)}",
            kme_id=kme,
            credentials=vendor_pb2.Credentials(
                certificate_pem=issued.certificate_pem,
                private_key_pem=issued.private_key_pem,
                trust_pem=self._wallet.trust_pem,
            ),
            saes=self._known_saes(),
            key_sources=[
                vendor_pb2.KeySource(
                    link_id=link.id,
                    address=self.key_source.address,
                    token=self.key_source.token(link.id),
                    peer_kme_id=link.peer_of(kme),
                )
                for link in self.network.links_of(kme)
            ],
            variant=variant,
            settings=settings,
        )

    def _known_saes(self) -> Sequence[vendor_pb2.Sae]:
        return [
            vendor_pb2.Sae(sae_id=sae.id, kme_id=sae.kme, certificate_pem=self._wallet.sae(sae.id).certificate_pem)
            for sae in self.network.saes
        ]

    def _reached_sae(self, sae_id: str, kme_id: str) -> ReachedSae:
        issued = self._wallet.sae(sae_id)
        return ReachedSae(sae_id, kme_id, issued.certificate_pem, issued.private_key_pem)


async def to_the_end(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of it at the same time and to its end, then raises the first failure.

    For calls to an implementation: one that is cut off may or may not have been done.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of it at the same time; the first failure cancels the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
