"""A sample of the catalogue, as SAEs meet it; the selfcheck meets all of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from harness.hosting import LaunchSpec
from harness.testbed.blocking import BlockingHost, blocking_host
from harness.testbed.reached import Reached
from harness.wire.etsi014 import Answer, KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import Purse
from harness.wire.tls import Credentials
from vendors.faulty.entry import ENTRY


@dataclass(frozen=True)
class Saes:
    """Master at the first KME; slave and a third SAE at the second."""

    master: SaeClient
    slave: SaeClient
    third: SaeClient

    def key(self, **asked: int) -> Answer:
        answer = self.master.get_key(self.slave.id, **asked)  # type: ignore[arg-type]
        assert answer.ok, answer.describe()
        return answer

    def fetch(self, taken: Answer, by: SaeClient | None = None) -> Answer:
        return (by or self.slave).get_key_with_ids(self.master.id, [key.id for key in taken.keys])


@pytest.fixture(scope="module")
def host() -> Iterator[BlockingHost]:
    command = tuple(part.replace("{python}", sys.executable) for part in ENTRY.command)
    with blocking_host(LaunchSpec(command, name="faulty")) as raised:
        yield raised


@contextmanager
def saes_of(host: BlockingHost, variant: str, binding: str = "https") -> Iterator[Saes]:
    with ExitStack() as stack:
        reached = stack.enter_context(host.bed(variant=variant)).reached
        clients = [_client(reached, sae.id, binding) for sae in reached.saes]
        for client in clients:
            stack.callback(client.close)
        saes = Saes(*clients)
        _await_stock(saes)
        yield saes


def _client(reached: Reached, sae_id: str, binding: str) -> SaeClient:
    sae, kme = reached.sae(sae_id), reached.kme_of(sae_id)
    endpoint = KmeEndpoint(kme.id, kme.url, kme.grpc_address or "")
    mine = Credentials(sae.certificate_pem, sae.private_key_pem)
    return open_client(sae_id, endpoint, mine, reached.trust_pem, EvidenceLog(Purse(None)), binding=binding)


def _await_stock(saes: Saes) -> None:
    for _ in range(500):
        answer = saes.master.get_status(saes.slave.id)
        stored = answer.document.get("stored_key_count") if isinstance(answer.document, dict) else 0
        if isinstance(stored, int) and stored > 0:
            return
    pytest.fail("no stock after 500 looks")


def _foreign_fetch(saes: Saes) -> None:
    assert saes.fetch(saes.key(), by=saes.third).ok


def _odd_size(saes: Saes) -> None:
    assert saes.key(size=257).keys[0].material.bits == 256


def _other_bytes(saes: Saes) -> None:
    taken = saes.key()
    assert saes.fetch(taken).keys[0].material != taken.keys[0].material


def _second_fetch(saes: Saes) -> None:
    taken = saes.key()
    assert saes.fetch(taken).ok
    assert saes.fetch(taken).ok


def _mandatory(saes: Saes) -> None:
    assert saes.master.get_key(saes.slave.id, extension_mandatory=[{"acme_x": 1}]).ok


def _html(saes: Saes) -> None:
    answer = saes.master.get_key(saes.slave.id, number=0)
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/html")


def _hidden_from_https(saes: Saes) -> None:
    assert saes.fetch(saes.key(), by=saes.third).refused_with(401)


FAULTS: dict[str, Callable[[Saes], None]] = {
    "serves-foreign-sae": _foreign_fetch,
    "odd-size-rounded-down": _odd_size,
    "slave-gets-other-bytes": _other_bytes,
    "second-fetch-served": _second_fetch,
    "mandatory-ignored": _mandatory,
    "error-page-in-html": _html,
    "grpc-serves-foreign-sae": _hidden_from_https,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows(host: BlockingHost, name: str) -> None:
    with saes_of(host, name) as saes:
        FAULTS[name](saes)


def test_a_fault_of_one_binding_shows_there(host: BlockingHost) -> None:
    with saes_of(host, "grpc-serves-foreign-sae", "grpc") as saes:
        _foreign_fetch(saes)


@pytest.mark.parametrize(
    "name", ["", "small-stock", "uuid-version-7", "chunked-answers", "hangs-up-silently", "odd-default-size"]
)
def test_a_lawful_variant_delivers(host: BlockingHost, name: str) -> None:
    with saes_of(host, name) as saes:
        taken = saes.key()
        fetched = saes.fetch(taken)
        assert fetched.ok, fetched.describe()
        assert fetched.keys[0].material == taken.keys[0].material
        assert saes.fetch(taken).refused_with(400)
        assert not taken.container_problems()
