"""Who gets a connection (5.1)."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest

from harness.pki import Authority, Issued
from tests.vendors.reference.rig import AUTHORITY, Rig, Sae, client_context, in_loop, raised
from vendors.reference.settings import KmeSettings
from vendors.reference.tls import common_name


async def status_with(rig: Rig, context: ssl.SSLContext) -> int:
    async with aiohttp.ClientSession() as session:
        return (await Sae(session, rig.endpoints["kme-a"].https_url, context).status("sae-2")).status


def context(
    issued: Issued | None = None, oldest: ssl.TLSVersion | None = None, newest: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    made = client_context(issued or AUTHORITY.issue_sae("sae-1"))
    made.set_ciphers("ALL:@SECLEVEL=0")  # so that an old version can be offered at all
    made.minimum_version = oldest or made.minimum_version
    made.maximum_version = newest or made.maximum_version
    return made


@in_loop
async def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(tmp_path: Path) -> None:
    versions = ssl.TLSVersion
    async with raised(tmp_path, start=["kme-a"]) as rig:
        for version in (versions.TLSv1_2, versions.TLSv1_3):
            assert await status_with(rig, context(oldest=version, newest=version)) == 200
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old = context(oldest=versions.TLSv1, newest=versions.TLSv1_1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_with(rig, old)


@in_loop
async def test_the_versions_can_be_narrowed(tmp_path: Path) -> None:
    version = ssl.TLSVersion.TLSv1_2
    async with raised(tmp_path, start=["kme-a"], settings=KmeSettings(tls_minimum="1.3")) as rig:
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_with(rig, context(newest=version))
        assert await status_with(rig, context()) == 200


@in_loop
async def test_no_certificate_and_foreign_certificates_are_turned_away(tmp_path: Path) -> None:
    async with raised(tmp_path, start=["kme-a"]) as rig:
        for certificate in (None, Authority().issue_sae("sae-1")):
            with pytest.raises(aiohttp.ClientError):  # with TLS 1.3 the client learns of it when it reads
                await status_with(rig, client_context(certificate))


def test_a_certificate_names_one_id_or_none() -> None:
    assert common_name({"subject": ((("countryName", "XX"),), (("commonName", "sae-1"),))}) == "sae-1"
    assert common_name({"subject": ((("commonName", "sae-1"),), (("commonName", "sae-2"),))}) is None
    assert common_name({"subject": ((("countryName", "XX"),),)}) is None
    assert common_name({}) is None
    assert common_name(None) is None
