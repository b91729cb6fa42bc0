"""Where agents are tested: one agent that most cases share, with a node that the harness plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from conformance.etsi015.desk import Desk
from harness.testbed.agents import AgentBench, raise_agent
from harness.testbed.blocking import BlockingHost
from harness.wire.evidence import EvidenceLog


@dataclass
class AgentLab:
    """Raises agents on one host.

    Attributes:
        host: the implementation's process.
        variant: of the implementation.
        settings: from the target, in the maker's words.
        claims: how every agent is set, from the ICS: see `conformance.etsi015.survey.CLAIMS`.
        evidence: of the campaign.
        leaves: whether phys_* leaves can be written (they cannot where the model is enforced as published).
    """

    host: BlockingHost
    variant: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    claims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: EvidenceLog = field(default_factory=lambda: EvidenceLog(keep=0))
    leaves: bool = True
    _shared: tuple[AgentBench, Desk] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def agent(self, *, connect: bool = True) -> Iterator[AgentBench]:
        """An agent of this case alone.

        Raises:
            HostingError: it does not come up.
        """
        claimed = dict(text.split("=", 1) for text in self.claims.get("agent_settings", ()))
        settings = claimed | dict(self.settings)
        with raise_agent(self.host, variant=self.variant, settings=settings, connect=connect) as bench:
            yield bench

    def shared(self) -> tuple[AgentBench, Desk]:
        """The agent that cases share, raised when the first of them asks."""
        if self._shared is None:
            bench = self._stack.enter_context(self.agent())
            self._shared = bench, Desk(bench.client(self.evidence))
        return self._shared

    def reopened(self) -> Desk:
        """A new desk at the shared agent, after that was raised anew."""
        assert self._shared is not None
        bench, before = self._shared
        desk = Desk(bench.client(self.evidence))
        desk.heard = before.heard
        self._shared = bench, desk
        return desk

    def end_shared(self) -> None:
        """Ends that agent: for the end."""
        self._shared = None
        self._stack.close()
