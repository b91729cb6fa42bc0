"""Settings in their text form, and what cannot be set."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.vendors.reference.rig import AUTHORITY, in_loop, planted_stream, raised
from vendors.reference.kme import Parts, Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress
from vendors.reference.tls import KmeCredentials


def test_from_text() -> None:
    settings = KmeSettings.from_text(
        {"key_size": "512", "odd_sizes": "false", "recovery_s": "1.5", "extensions": "a_x=1|2, b_y=z", "host": "::1"}
    )
    assert (settings.key_size, settings.odd_sizes, settings.recovery_s, settings.host) == (512, False, 1.5, "::1")
    assert settings.supported_extensions == {"a_x": {"1", "2"}, "b_y": {"z"}}
    assert KmeSettings.from_text({}) == KmeSettings()


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"key_sizes": "256"}, "unknown setting 'key_sizes'; known are block_ttl_s, "),
        ({"key_size": "many"}, "setting key_size: 'many' is not of type int"),
        ({"odd_sizes": "yes"}, "setting odd_sizes: 'yes' is not of type bool"),
        ({"key_size": "32"}, "is broken"),
        ({"max_key_size": "70000"}, "is broken"),
        ({"max_key_per_request": "0"}, "at least 1"),
        ({"key_size": "257", "odd_sizes": "false"}, "multiple of 8"),
        ({"tls_minimum": "1.1"}, "one of 1.2, 1.3"),
        ({"peer_timeout_s": "-1"}, "peer_timeout_s is not negative"),
    ],
)
def test_what_is_refused(texts: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        KmeSettings.from_text(texts)


def test_the_largest_request_fits_into_the_stock() -> None:
    settings = KmeSettings(max_key_size=65536)
    assert settings.high_water >= settings.max_key_per_request * settings.max_key_size // 8
    assert KmeSettings(high_water_octets=5).high_water == 5


def test_two_links_to_one_kme_are_refused(tmp_path: Path) -> None:
    issued = AUTHORITY.issue_kme("kme-a")
    provision = Provision(
        Network("kme-a", {}),
        KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem),
        [SourceAddress(name, "", "", "kme-b") for name in ("one", "two")],
    )
    with pytest.raises(ValueError, match="two links lead to KME kme-b"):
        ReferenceKme(provision, tmp_path, Parts(stream=planted_stream(1)))


@in_loop
async def test_a_port_that_was_taken_in_the_meantime(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        before = rig.endpoints["kme-a"]
        await rig.stop("kme-a")
        with (
            socket.create_server(("127.0.0.1", int(before.https_url.rpartition(":")[2]))),
            socket.create_server(("127.0.0.1", int(before.grpc.rpartition(":")[2]))),
        ):
            await rig.start("kme-a")
            await rig.stocked()
            assert rig.endpoints["kme-a"].https_url != before.https_url
            assert rig.endpoints["kme-a"].grpc != before.grpc
            assert rig.endpoints["kme-a"].peer == before.peer
            assert (await (await rig.sae("sae-1")).enc("sae-2")).status == 200


@in_loop
async def test_a_port_that_was_asked_for_and_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = KmeSettings(https_port=taken.getsockname()[1])
        async with raised(tmp_path, start=[]) as rig:
            kme = rig.make("kme-a", settings)
            with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
                await kme.start()
            await kme.stop()
