"""Where nodes are tested: benches on one host, some of them common to several cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from harness.testbed.blocking import BlockingHost
from harness.testbed.node_plan import NodePlan, forwarder
from harness.testbed.nodes import NodeBench, raise_nodes

KME, FORWARDER = "kme.", "forwarder."
"""Settings of a target that are for the ones or the others; those without go to KMEs."""
PATIENCE_S: Final = 1.5
TTL_S: Final = 1.5


@dataclass
class NodeLab:
    """Raises benches on one host.

    Attributes:
        host: the implementation's process.
        variant: of the implementation.
        settings: from the target, with the prefixes above.
        claims: how the implementation is set up, see `conformance.node.survey.CLAIMS`.
    """

    host: BlockingHost
    variant: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    claims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _shared: dict[str, NodeBench] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def bench(self, plan: NodePlan, *, ttl_s: float = 0.0, patience_s: float = 0.0) -> Iterator[NodeBench]:
        """Nodes of this case alone.

        Args:
            plan: what to raise.
            ttl_s: time to live of key bits; 0 = as the implementation has it.
            patience_s: how long a source may be silent; 0 likewise.

        Raises:
            HostingError: they do not come up.
        """
        kme = self._claimed("kme_settings", plan)
        kme |= self._claimed("ttl_settings", plan, ttl_s) if ttl_s else {}
        kme |= self._claimed("patience_settings", plan, patience_s) if patience_s else {}
        forwarding = self._claimed("forwarder_settings", plan)
        for name, text in self.settings.items():
            if name.startswith(FORWARDER):
                forwarding[name.removeprefix(FORWARDER)] = text
            else:
                kme[name.removeprefix(KME)] = text
        made = raise_nodes(self.host, plan, variant=self.variant, kme_settings=kme, forwarder_settings=forwarding)
        with made as bench:
            yield bench

    def shared(self, name: str, plan: NodePlan) -> NodeBench:
        """Nodes that several cases use; raised when the first of them asks."""
        if name not in self._shared:
            self._shared[name] = self._stack.enter_context(self.bench(plan))
        return self._shared[name]

    def end_shared(self) -> None:
        """Ends those nodes: for the end, and before the process itself is ended."""
        self._shared.clear()
        self._stack.close()

    def _claimed(self, name: str, plan: NodePlan, seconds: float = 0.0) -> dict[str, str]:
        forwarders = ",".join(map(forwarder, plan.nodes))
        texts = (text.partition("=") for text in self.claims.get(name, ()))
        return {key: text.format(forwarders=forwarders, seconds=f"{seconds:g}") for key, _, text in texts}
