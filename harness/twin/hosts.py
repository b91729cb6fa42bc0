"""The processes of a raised network, and what runs in which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from harness.hosting import Bounds, Host, LaunchSpec, launch
from harness.testbed.bed import to_the_end, together
from harness.topology import Topology
from harness.twin.layout import Layout

KMS = "reference"
FORWARDING = "forwarding"
AGENT = "reference-agent"
CONTROLLER = "controller"
OPTICAL_SWITCH = "optical-switch"
_BOUNDS = Bounds(registration_s=60.0, provision_s=60.0)


class Hosts:
    """The processes, and what runs in which.

    Attributes:
        maker: by maker id.
        kme: by KME ID.
        forwarder: by KME ID.
        control: agents, controller and optical switches, by the name of the implementation; empty = not controlled.

    Args:
        controlled: whether there is anything in `control`.
    """

    def __init__(
        self, layout: Layout, specs: Mapping[str, LaunchSpec], sites_per_process: int, *, controlled: bool = False
    ) -> None:
        self._specs = specs
        self._makers = makers_of(layout.topology)
        names = list(layout.sites)
        self._groups = [names[n : n + sites_per_process] for n in range(0, len(names), sites_per_process)]
        self.maker: dict[str, Host] = {}
        self.kme: dict[str, Host] = {}
        self.forwarder: dict[str, Host] = {}
        self.control: dict[str, Host] = {}
        self._controllers = control_of(layout.topology) if controlled else []

    async def launch(self, stack: AsyncExitStack) -> None:
        """Launches all processes at the same time; when the stack is closed they end at the same time."""
        wanted = [(self._specs[maker], self.maker, [maker]) for maker in self._makers]
        wanted += [(self._specs[name], self.control, [name]) for name in self._controllers]
        for number, group in enumerate(self._groups, 1):
            wanted.append((_numbered(self._specs[KMS], number), self.kme, group))
            wanted.append((_numbered(self._specs[FORWARDING], number), self.forwarder, group))
        stacks = [AsyncExitStack() for _ in wanted]

        async def end() -> None:
            await to_the_end(own.aclose() for own in stacks)

        stack.push_async_callback(end)

        async def one(own: AsyncExitStack, spec: LaunchSpec, where: dict[str, Host], names: Sequence[str]) -> None:
            host = await own.enter_async_context(launch(spec, bounds=_BOUNDS))
            where.update(dict.fromkeys(names, host))

        await together(one(own, *each) for own, each in zip(stacks, wanted, strict=True))

    def sharing(self, host: Host) -> tuple[list[str], list[str], list[str]]:
        """Makers, KMEs and forwarding modules (by KME ID) of a process."""
        found = [[name for name, its in kind.items() if its is host] for kind in (self.maker, self.kme, self.forwarder)]
        return found[0], found[1], found[2]

    def all(self) -> tuple[Host, ...]:
        """Every process once."""
        every = (*self.maker.values(), *self.kme.values(), *self.forwarder.values(), *self.control.values())
        return tuple({id(host): host for host in every}.values())


def _numbered(spec: LaunchSpec, number: int) -> LaunchSpec:
    folder = spec.folder / str(number) if spec.folder else None
    return replace(spec, name=f"{spec.name}-{number}", folder=folder)


def makers_of(topology: Topology) -> list[str]:
    """Ids of the makers whose modules or generators are raised."""
    modules = {name for system in topology.active_systems for name in system.modules}
    makers = {topology.module(name).maker for name in modules} | {one.maker for one in topology.generators}
    return sorted(makers)


def control_of(topology: Topology) -> list[str]:
    """Names of the implementations that control a network."""
    return [AGENT, CONTROLLER, *([OPTICAL_SWITCH] if topology.switches else [])]
