"""Raising a testbed: launch, provision, connect, and clear away afterwards."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from harness.hosting import Bounds, Host, HostingError, LaunchSpec, launch
from harness.testbed.bed import Bed, together
from harness.testbed.key_source import BLOCK_OCTETS, KeySource
from harness.testbed.network import PAIR, KmeSpec, Network

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Supply:
    """How the links of a testbed give key; see `KeySource`."""

    seed: bytes | None = None
    block_octets: int = BLOCK_OCTETS
    blocks_per_second: float | None = None
    total_blocks: int | None = None

    def __repr__(self) -> str:
        return f"Supply({self.blocks_per_second} blocks/s, {self.total_blocks} blocks)"

    def source(self, network: Network) -> KeySource:
        """A key source with the links of `network`."""
        return KeySource(
            (link.id for link in network.links),
            seed=self.seed,
            block_octets=self.block_octets,
            blocks_per_second=self.blocks_per_second,
            total_blocks=self.total_blocks,
        )


@asynccontextmanager
async def raise_pair(
    spec: LaunchSpec,
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    separate_processes: bool = False,
    network: Network = PAIR,
    supply: Supply | None = None,
    bounds: Bounds | None = None,
) -> AsyncIterator[Bed]:
    """Launches an implementation and raises a network of its KMEs.

    Args:
        spec: what to launch.
        variant: which variant of it to raise; empty = the product itself.
        settings: in the implementation's own words.
        separate_processes: one process a KME, instead of one for all.
        network: what to raise; default two KMEs with three SAEs.
        supply: how the links give key; default endless and as fast as it is read.
        bounds: how long to wait for the processes.

    Raises:
        HostingError: when a process or a KME does not come up.
    """
    async with AsyncExitStack() as stack:
        hosts = await _launched(stack, spec, network, bounds, separate=separate_processes)
        bed = provision_pair(hosts, variant=variant, settings=settings, network=network, supply=supply)
        yield await stack.enter_async_context(bed)


@asynccontextmanager
async def provision_pair(
    host: Host | Mapping[str, Host],
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    network: Network = PAIR,
    supply: Supply | None = None,
) -> AsyncIterator[Bed]:
    """Raises a network of KMEs on a host that runs already, and releases them afterwards.

    Args:
        host: one for all KMEs, or one for each KME ID.
        variant: see `raise_pair`, as the rest.
        settings: see `raise_pair`.
        network: see `raise_pair`.
        supply: see `raise_pair`.

    Raises:
        HostingError: when a KME does not come up. A KME that cannot be released is logged: the next one
            on the same host is not its business.
    """
    hosts = host if isinstance(host, Mapping) else dict.fromkeys((kme.id for kme in network.kmes), host)
    async with (supply or Supply()).source(network) as key_source:
        bed = Bed(network, hosts, key_source, variant=variant, settings=settings)
        try:
            await bed.provision()
            yield bed
        finally:
            with anyio.CancelScope(shield=True):
                await _release(bed)


async def _release(bed: Bed) -> None:
    try:
        await bed.release()
    except HostingError as error:
        _log.warning("a KME could not be released: %s", error.what)


async def _launched(
    stack: AsyncExitStack, spec: LaunchSpec, network: Network, bounds: Bounds | None, *, separate: bool
) -> dict[str, Host]:
    """The hosts by KME ID, all of them launched at the same time."""
    if not separate:
        host = await stack.enter_async_context(launch(spec, bounds=bounds))
        return dict.fromkeys((kme.id for kme in network.kmes), host)
    hosts: dict[str, Host] = {}

    async def one(number: int, kme: KmeSpec) -> None:
        its_own = replace(spec, folder=spec.folder / str(number) if spec.folder else None)
        hosts[kme.id] = await stack.enter_async_context(launch(its_own, bounds=bounds))

    await together(one(number, kme) for number, kme in enumerate(network.kmes, 1))
    return hosts
