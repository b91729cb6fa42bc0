"""Testbeds for synchronous code (pytest cases, the command line); the event loop runs in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import TypeVar

import uvloop
from anyio.from_thread import BlockingPortal, start_blocking_portal

from harness.hosting import Bounds, Host, LaunchSpec, ProgramDigest, launch
from harness.hosting.log import LogTail
from harness.testbed.bed import Bed
from harness.testbed.key_source import KeySource
from harness.testbed.network import PAIR, Network
from harness.testbed.pair import Supply, provision_pair, raise_pair
from harness.testbed.reached import Reached

_T = TypeVar("_T")


class BlockingBed:
    """A `Bed` for synchronous code; its methods may be called from any thread, and wait."""

    def __init__(self, bed: Bed, portal: BlockingPortal) -> None:
        self._bed = bed
        self._portal = portal

    @property
    def reached(self) -> Reached:
        """See `Bed.reached`."""
        return self._bed.reached

    @property
    def network(self) -> Network:
        """What it consists of."""
        return self._bed.network

    @property
    def key_source(self) -> KeySource:
        """Its key source; call `extend_link` rather than its coroutines."""
        return self._bed.key_source

    @property
    def pids(self) -> dict[str, int | None]:
        """See `Bed.pids`."""
        return self._bed.pids

    def log_tail(self, kme_id: str) -> LogTail:
        """See `Bed.log_tail`."""
        return self._bed.log_tail(kme_id)

    def restart(self, kme_id: str, *, graceful: bool = False) -> None:
        """See `Bed.restart`."""
        self._portal.call(partial(self._bed.restart, kme_id, graceful=graceful))

    def kill(self, kme_id: str) -> None:
        """See `Bed.kill`."""
        self._portal.call(self._bed.kill, kme_id)

    def extend_link(self, link_id: str, blocks: int) -> None:
        """See `KeySource.extend`."""
        self._portal.call(self._bed.key_source.extend, link_id, blocks)


class BlockingHost:
    """A `Host` for synchronous code, on which one testbed after the other (or several at once) can be raised."""

    def __init__(self, host: Host, portal: BlockingPortal) -> None:
        self.host = host
        self._portal = portal

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that it claims to have."""
        return tuple(self.host.description.variants)

    @property
    def digests(self) -> tuple[ProgramDigest, ...]:
        """See `Host.digests`."""
        return self.host.digests

    def log_tail(self) -> LogTail:
        """See `Host.log_tail`."""
        return self.host.log_tail()

    @property
    def portal(self) -> BlockingPortal:
        """The thread in which everything of it runs."""
        return self._portal

    @contextmanager
    def bed(
        self,
        *,
        variant: str = "",
        settings: Mapping[str, str] | None = None,
        network: Network = PAIR,
        supply: Supply | None = None,
    ) -> Iterator[BlockingBed]:
        """See `provision_pair`."""
        made = provision_pair(self.host, variant=variant, settings=settings, network=network, supply=supply)
        with self._portal.wrap_async_context_manager(made) as bed:
            yield BlockingBed(bed, self._portal)


@contextmanager
def blocking_bed(
    spec: LaunchSpec,
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    separate_processes: bool = False,
    network: Network = PAIR,
    supply: Supply | None = None,
    bounds: Bounds | None = None,
) -> Iterator[BlockingBed]:
    """`raise_pair` for synchronous code."""
    made = partial(
        raise_pair,
        spec,
        variant=variant,
        settings=settings,
        separate_processes=separate_processes,
        network=network,
        supply=supply,
        bounds=bounds,
    )
    with _in_thread(made) as (bed, portal):
        yield BlockingBed(bed, portal)


@contextmanager
def blocking_host(spec: LaunchSpec, *, bounds: Bounds | None = None) -> Iterator[BlockingHost]:
    """`launch` for synchronous code."""
    with _in_thread(partial(launch, spec, bounds=bounds)) as (host, portal):
        yield BlockingHost(host, portal)


@contextmanager
def _in_thread(make: Callable[[], AbstractAsyncContextManager[_T]]) -> Iterator[tuple[_T, BlockingPortal]]:
    with (
        start_blocking_portal("asyncio", {"loop_factory": uvloop.new_event_loop}) as portal,
        portal.wrap_async_context_manager(make()) as made,
    ):
        yield made, portal
