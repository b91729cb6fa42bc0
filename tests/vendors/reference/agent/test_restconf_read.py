from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.pki import Authority
from harness.yang import Profile, load_model
from harness.yang.files import NODE_MODULE, TYPES_MODULE
from harness.yang.listing import tree
from harness.yang.model import NODE
from harness.yang.second import SecondOpinion, opinions
from tests.harness.yang.data import APP, FAR, LINK, OWN, phys_link, with_app
from tests.vendors.reference.agent.standin import (
    AUTHORITY,
    CONTROLLER,
    JSON,
    STRANGER,
    Bench,
    Controller,
    T,
    bench,
    client_context,
)

DATA = "/restconf/data"
LINKS = f"{DATA}/{NODE}/qkd_links"
ENTRY = f"{LINKS}/qkd_link={LINK}"
LINK_BODY = {"etsi-qkd-sdn-node:qkd_link": phys_link()[NODE]["qkd_links"]["qkd_link"]}
APP_BODY = {"etsi-qkd-sdn-node:qkd_app": with_app()[NODE]["qkd_applications"]["qkd_app"]}


async def _configured(b: Bench) -> None:
    assert (await b.ask("POST", LINKS, LINK_BODY)).status == 201
    assert (await b.ask("POST", f"{DATA}/{NODE}/qkd_applications", APP_BODY)).status == 201


@pytest.mark.anyio
async def test_discovery(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        meta = await b.ask("GET", "/.well-known/host-meta")
        assert meta.headers["content-type"].startswith("application/xrd+xml")
        assert b"href='/restconf'" in meta.body
        assert (await b.ask("GET", "/restconf")).json == {
            "ietf-restconf:restconf": {"data": {}, "operations": {}, "yang-library-version": "2019-01-04"}
        }
        version = await b.ask("GET", "/restconf/yang-library-version")
        assert version.json == {"ietf-restconf:yang-library-version": "2019-01-04"}
        assert (await b.ask("GET", "/restconf/operations")).json == {"ietf-restconf:operations": {}}
        state = (await b.ask("GET", f"{DATA}/ietf-restconf-monitoring:restconf-state")).json
        (stream,) = state["ietf-restconf-monitoring:restconf-state"]["streams"]["stream"]
        assert stream["name"] == "NETCONF"
        assert stream["access"][0]["location"].endswith("/restconf/streams/NETCONF")
        library = (await b.ask("GET", f"{DATA}/ietf-yang-library:yang-library")).json
        (modules,) = library["ietf-yang-library:yang-library"]["module-set"]
        (node,) = [one for one in modules["module"] if one["name"] == "etsi-qkd-sdn-node"]
        assert node["revision"] == "2022-01-30"


@pytest.mark.anyio
async def test_the_served_modules_load_in_other_tools(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    async with bench(tmp_path) as b:
        library = (await b.ask("GET", f"{DATA}/ietf-yang-library:modules-state")).json
        for module in library["ietf-yang-library:modules-state"]["module"]:
            path = "/" + module["schema"].partition("//")[2].partition("/")[2]
            answer = await b.ask("GET", path)
            assert answer.headers["content-type"].startswith("application/yang")
            (served / f"{module['name']}.yang").write_bytes(answer.body)
        data = (await b.ask("GET", f"{DATA}?with-defaults=trim")).json["ietf-restconf:data"]
    texts = {name: (served / f"{name}.yang").read_text() for name in (NODE_MODULE, TYPES_MODULE)}
    assert "derived-from-or-self" in texts[NODE_MODULE]
    assert tree(texts, NODE_MODULE)  # pyang
    second = SecondOpinion(Profile.PUBLISHED, served)  # libyang; as they are
    assert not second.validate(data)


@pytest.mark.anyio
async def test_all_that_is_served_is_valid_to_both_engines(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await _configured(b)
        for query in ("", "?with-defaults=report-all", "?with-defaults=trim", "?content=config"):
            data = (await b.ask("GET", DATA + query)).json["ietf-restconf:data"]
            assert opinions(load_model(), SecondOpinion(), data).valid is True, query
        node = (await b.ask("GET", f"{DATA}/{NODE}")).json[NODE]
        assert node["qkdn_status"] == f"{T}OPERATING"
        assert node["qkdn_location_id"] == "vault 1"
        (link,) = node["qkd_links"]["qkd_link"]
        assert link["qkdl_status"] == f"{T}ACTIVE"
        assert link["qkdl_performance"]["phys_perf"] == [{"perf_type": f"{T}QBER", "value": "2.1"}]
        (app,) = node["qkd_applications"]["qkd_app"]
        assert app["app_statistics"]["statistics"][0]["consumed_bits"] == 256
        assert len(node["qkd_interfaces"]["qkd_interface"]) == 2


@pytest.mark.anyio
async def test_under_the_published_profile_nothing_is_served_that_it_forbids(tmp_path: Path) -> None:
    async with bench(tmp_path, profile="published") as b:
        refused = await b.ask("POST", LINKS, LINK_BODY)
        assert refused.refusal == (400, "unknown-element")
        bare = {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": LINK, "qkdl_type": f"{T}PHYS"}]}
        assert (await b.ask("POST", LINKS, bare)).status == 201
        link = (await b.ask("GET", ENTRY)).json["etsi-qkd-sdn-node:qkd_link"][0]
        assert link["qkdl_performance"] == {"skr": 2000}


@pytest.mark.anyio
async def test_before_its_parts_are_known_the_node_is_new_and_empty(tmp_path: Path) -> None:
    async with bench(tmp_path, connected=False) as b:
        node = (await b.ask("GET", f"{DATA}/{NODE}")).json[NODE]
        assert node == {"qkdn_id": OWN, "qkdn_location_id": "vault 1", "qkdn_status": f"{T}NEW"}
        refused = await b.ask("POST", f"{DATA}/{NODE}/qkd_applications", APP_BODY)
        assert refused.refusal == (409, "resource-denied")


VIEWS: list[tuple[str, str, Any]] = [
    (f"{ENTRY}/qkdl_local", "", {"etsi-qkd-sdn-node:qkdl_local": {"qkdn_id": OWN, "qkdi_id": 1}}),
    (f"{ENTRY}/qkdl_local/qkdi_id", "", {"etsi-qkd-sdn-node:qkdi_id": 1}),
    (f"{DATA}/{NODE}/qkdn_id", "", {"etsi-qkd-sdn-node:qkdn_id": OWN}),
    (ENTRY, "content=nonconfig", {"etsi-qkd-sdn-node:qkd_link": [{
        "qkdl_id": LINK,
        "qkdl_performance": {"skr": 2000, "phys_perf": [{"perf_type": f"{T}QBER", "value": "2.1"}]}}]}),
    (ENTRY, "fields=qkdl_remote/qkdn_id;qkdl_type", {"etsi-qkd-sdn-node:qkd_link": [
        {"qkdl_id": LINK, "qkdl_remote": {"qkdn_id": FAR}, "qkdl_type": f"{T}PHYS"}]}),
    (LINKS, "fields=qkd_link(qkdl_local(qkdi_id);qkdl_remote/qkdn_id)", {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [
        {"qkdl_id": LINK, "qkdl_local": {"qkdi_id": 1}, "qkdl_remote": {"qkdn_id": FAR}}]}}),
    (LINKS, "depth=1", {"etsi-qkd-sdn-node:qkd_links": {}}),
    (LINKS, "depth=2", {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [{"qkdl_id": LINK}]}}),
    (LINKS, "depth=1&fields=qkd_link/qkdl_local", {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [
        {"qkdl_id": LINK, "qkdl_local": {}}]}}),
    (f"{ENTRY}/qkdl_enable", "with-defaults=report-all", {"etsi-qkd-sdn-node:qkdl_enable": True}),
    (f"{ENTRY}/qkdl_enable", "with-defaults=report-all-tagged", {
        "etsi-qkd-sdn-node:qkdl_enable": True,
        "@etsi-qkd-sdn-node:qkdl_enable": {"ietf-netconf-with-defaults:default": True}}),
    (f"{DATA}/{NODE}/qkd_applications/qkd_app={APP}/client_app_id=sae%3Abob", "", {
        "etsi-qkd-sdn-node:client_app_id": ["sae:bob"]}),
    (f"{LINKS}/qkd_link", "fields=qkdl_id", {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": LINK}]}),
    (f"{DATA}/{NODE}/qkdn_capabilities", "", {"etsi-qkd-sdn-node:qkdn_capabilities": {}}),
    (f"{LINKS}/qkd_link={LINK.upper()}/qkdl_id", "", {"etsi-qkd-sdn-node:qkdl_id": LINK}),
]  # fmt: skip


@pytest.mark.anyio
async def test_what_a_get_shows(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await _configured(b)
        for path, query, expected in VIEWS:
            found = await b.ask("GET", f"{path}?{query}" if query else path)
            assert found.json == expected, (path, query)
            head = await b.ask("HEAD", f"{path}?{query}" if query else path)
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-length"] == found.headers["content-length"]
        assert (await b.ask("GET", f"{ENTRY}/qkdl_enable")).refusal == (404, "invalid-value")
        assert (await b.ask("GET", f"{ENTRY}/phys_wavelength?content=nonconfig")).refusal == (404, "invalid-value")


WRONG = [
    ("GET", "/nothing", (404, "invalid-value")), ("GET", "/restconf/nothing", (404, "invalid-value")),
    ("GET", f"{DATA}/", (404, "invalid-value")), ("GET", f"{DATA}/qkd_node", (404, "invalid-value")),
    ("GET", f"{DATA}/{NODE}/", (404, "invalid-value")), ("GET", f"{DATA}/{NODE}/nothing", (404, "invalid-value")),
    ("GET", f"{ENTRY[:-1]}0", (404, "invalid-value")), ("GET", f"{LINKS}/qkd_link=x", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?depth=0", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?depth=x", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?content=none", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?fields=nothing", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?fields=qkd_links(qkd_link", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?fields=", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?with-defaults=some", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?other=1", (400, "invalid-value")), ("GET", f"{DATA}/{NODE}?depth", (400, "invalid-value")),
    ("GET", f"{DATA}/{NODE}?depth=1&depth=2", (400, "invalid-value")),
    ("GET", "/restconf/streams/NETCONF?start-time=2026-01-01T00:00:00Z", (400, "invalid-value")),
    ("GET", "/restconf/streams/NETCONF?filter=x", (400, "invalid-value")),
    ("POST", "/restconf/operations/etsi-qkd-sdn-node:do", (404, "invalid-value")),
    ("POST", "/restconf", (405, "operation-not-supported")),
    ("DELETE", f"{DATA}/{NODE}", (405, "operation-not-supported")),
    ("DELETE", DATA, (405, "operation-not-supported")),
    ("PUT", f"{DATA}/{NODE}/qkdn_status", (405, "operation-not-supported")),
    ("PATCH", f"{DATA}/{NODE}/qkd_interfaces", (405, "operation-not-supported")),
    ("PUT", f"{DATA}/ietf-yang-library:yang-library", (405, "operation-not-supported")),
    ("TRACE", f"{DATA}/{NODE}", (405, "operation-not-supported")),
]  # fmt: skip


@pytest.mark.anyio
async def test_what_is_not_there_or_not_possible(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        for method, path, expected in WRONG:
            answer = await b.ask(method, path)
            assert answer.refusal == expected, (method, path)
            assert ("allow" in answer.headers) == (expected[0] == 405)
        for accept in ("application/json", "text/html", "application/yang-data+xml", "application/yang-data+json;q=0"):
            assert (await b.ask("GET", DATA, Accept=accept)).refusal == (406, "invalid-value")
        for accept in ("*/*", "application/*", JSON, f"text/html, {JSON};q=0.5"):
            assert (await b.ask("GET", DATA, Accept=accept)).status == 200
        assert (await b.ask("GET", "/restconf/streams/NETCONF", Accept=JSON)).refusal == (406, "invalid-value")


@pytest.mark.anyio
async def test_options(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        for path, allowed in {
            DATA: "GET, HEAD, OPTIONS, POST, PUT, PATCH",
            f"{DATA}/{NODE}": "GET, HEAD, OPTIONS, POST, PUT, PATCH",
            LINKS: "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
            ENTRY: "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
            f"{ENTRY}/qkdl_enable": "GET, HEAD, OPTIONS, PUT, PATCH, DELETE",
            f"{DATA}/{NODE}/qkdn_status": "GET, HEAD, OPTIONS",
            f"{DATA}/{NODE}/qkdn_id": "GET, HEAD, OPTIONS, PUT, PATCH",
            "/restconf": "GET, HEAD, OPTIONS",
        }.items():
            answer = await b.ask("OPTIONS", path)
            assert (answer.status, answer.headers["allow"]) == (200, allowed)
            assert answer.headers.get("accept-patch") == (JSON if "PATCH" in allowed else None)


@pytest.mark.anyio
async def test_who_may_ask(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        stranger = Controller(b.port, client_context(STRANGER))
        for path in (DATA, "/restconf", "/.well-known/host-meta", "/restconf/streams/NETCONF", "/nothing"):
            assert (await stranger("GET", path)).refusal == (403, "access-denied")
        foreign = Authority().issue_sae("controller-1")
        for context in (client_context(None), client_context(foreign)):
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await Controller(b.port, context)("GET", DATA)
        with pytest.raises(OSError, match="certificate"):
            await Controller(b.port, client_context(trust=Authority().certificate_pem))("GET", DATA)
        assert (await b.ask("GET", DATA)).status == 200


@pytest.mark.anyio
async def test_what_is_no_http_is_answered(tmp_path: Path) -> None:
    async with bench(tmp_path, max_body_octets="2000") as b:
        reader, writer = await asyncio.open_connection("127.0.0.1", b.port, ssl=client_context())
        writer.write(b"hello\r\n\r\n")
        answer = await reader.read()
        assert b" 400 " in answer.partition(b"\r\n")[0]
        assert b"malformed-message" in answer
        writer.close()
        assert (await b.ask("GET", "/restconf", X_Long="x" * 20000)).refusal == (400, "malformed-message")
        assert (await b.ask("PUT", ENTRY, b"x" * 3000)).refusal == (413, "too-big")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.anyio
async def test_curl_reads_the_node(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.certificate_pem)
    (tmp_path / "controller.pem").write_bytes(CONTROLLER.certificate_pem + CONTROLLER.private_key_pem)
    async with bench(state) as b:
        url = f"https://127.0.0.1:{b.port}{DATA}/{NODE}/qkdn_id"
        secrets = ["--cacert", str(tmp_path / "ca.pem"), "--cert", str(tmp_path / "controller.pem")]
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", *secrets, url]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == f'{{"etsi-qkd-sdn-node:qkdn_id":"{OWN}"}}'
