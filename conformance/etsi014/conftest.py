"""Fixtures of the cases: `pair` (over the binding of the case), `bench`, `shared_keys`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.etsi014.bench import Bench
from conformance.etsi014.ledger import KeyLedger
from conformance.etsi014.memory import Memory
from conformance.etsi014.pair import Pair
from conformance.etsi014.pool import SharedKey
from harness.campaign.campaign import Campaign


@pytest.fixture(scope="session")
def bench(campaign: Campaign) -> Iterator[Bench]:
    """What lasts for the whole campaign."""
    held = Bench(campaign)
    yield held
    held.close()


@pytest.fixture
def pair(bench: Bench, binding: str) -> Pair:
    """Master and slave over the binding of the case."""
    return Pair(bench, binding, bench.roles.master, bench.roles.slave)


@pytest.fixture
def shared_keys(pair: Pair, bench: Bench) -> tuple[SharedKey, ...]:
    """All keys that the plan shares, delivered at both ends."""
    return pair.shared(bench.campaign.plan.shared)


@pytest.fixture(scope="session")
def memory(bench: Bench) -> Memory:
    """Every answer of the campaign."""
    return bench.memory


@pytest.fixture(scope="session")
def ledger(bench: Bench) -> KeyLedger:
    """Every key of the campaign, for the judgement of quality."""
    return bench.ledger
