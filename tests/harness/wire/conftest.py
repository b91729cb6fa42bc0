"""Fixtures of the wire's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.pki import Authority
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import Credentials
from tests.harness.wire.scripted import Bench


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def sae(authority: Authority) -> Credentials:
    issued = authority.issue_sae("sae-1")
    return Credentials(issued.certificate_pem, issued.private_key_pem)


@pytest.fixture
def bench(authority: Authority, sae: Credentials, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(authority, tmp_path, EvidenceLog(), sae, [], [])
    yield made
    for client in made.clients:
        client.close()
    for server in made.servers:
        server.close()
