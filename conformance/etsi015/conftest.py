"""Fixtures of the cases: `lab`, and the agent that they share as `bench` (its node) and `desk` (its controller)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.etsi015.desk import Desk
from conformance.etsi015.lab import AgentLab
from harness.campaign.campaign import Campaign
from harness.testbed.agents import AgentBench


@pytest.fixture(scope="session")
def lab(campaign: Campaign) -> AgentLab:
    """Where agents are raised."""
    assert isinstance(campaign.reached, AgentLab)
    return campaign.reached


@pytest.fixture
def bench(lab: AgentLab) -> AgentBench:
    """The node of the shared agent."""
    return lab.shared()[0]


@pytest.fixture
def desk(lab: AgentLab, bench: AgentBench) -> Iterator[Desk]:
    """The shared agent without links and applications; afterwards they are taken away again."""
    yield lab.shared()[1]
    lab.shared()[1].clear()
    for module in bench.modules.values():
        bench.call(module.reset)
    bench.call(bench.kme.reset)
