"""Fixtures of the cases: `pair` (fresh, OFF, not configured), `running` (fresh, making keys), `ics`, `lab`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.device.lab import DeviceLab
from conformance.device.pair import Pair
from harness.campaign.campaign import Campaign
from harness.campaign.ics import Ics


@pytest.fixture(scope="session")
def lab(campaign: Campaign) -> DeviceLab:
    """Where modules are raised."""
    assert isinstance(campaign.reached, DeviceLab)
    return campaign.reached


@pytest.fixture(scope="session")
def ics(campaign: Campaign) -> Ics:
    """The ICS as used."""
    return campaign.ics


@pytest.fixture
def pair(lab: DeviceLab) -> Iterator[Pair]:
    """Two fresh modules, OFF and not configured."""
    with lab.pair() as modules:
        yield modules


@pytest.fixture
def running(pair: Pair) -> Pair:
    """Two fresh modules that make keys."""
    pair.to_running()
    return pair
