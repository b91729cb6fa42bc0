from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest

from harness.yang.model import NODE
from tests.harness.yang.data import APP, FAR, LINK, MIDDLE, OWN, of, phys_link, virt_link, with_app
from tests.vendors.reference.agent.standin import SECOND, Controller, bench, client_context

DATA = "/restconf/data"
TOP = f"{DATA}/{NODE}"
LINKS = f"{TOP}/qkd_links"
ENTRY = f"{LINKS}/qkd_link={LINK}"
APPS = f"{TOP}/qkd_applications"
OTHER = LINK[:-1] + "2"


def link_body(**members: Any) -> dict[str, Any]:
    return {"etsi-qkd-sdn-node:qkd_link": phys_link(**members)[NODE]["qkd_links"]["qkd_link"]}


def app_body(**members: Any) -> dict[str, Any]:
    return {"etsi-qkd-sdn-node:qkd_app": with_app(**members)[NODE]["qkd_applications"]["qkd_app"]}


@pytest.mark.anyio
async def test_the_life_of_a_link(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await b.ask("POST", LINKS, link_body())
        assert (made.status, made.body) == (201, b"")
        assert made.headers["location"] == f"https://127.0.0.1:{b.port}{ENTRY}"
        assert (b.node.links[0].qkdl_id, b.node.links[0].phys_channel_att) == (LINK, 7.25)
        assert (await b.ask("POST", LINKS, link_body())).refusal == (409, "data-exists")
        # PATCH adds and changes, PUT replaces
        assert (
            await b.ask("PATCH", ENTRY, {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": LINK, "phys_wavelength": "31"}]})
        ).status == 204
        assert (b.node.links[0].phys_wavelength, b.node.links[0].phys_channel_att) == ("31", 7.25)
        assert (
            await b.ask("PUT", f"{ENTRY}/phys_wavelength", {"etsi-qkd-sdn-node:phys_wavelength": "32"})
        ).status == 204
        replaced = link_body()
        del replaced["etsi-qkd-sdn-node:qkd_link"][0]["phys_channel_att"]
        assert (await b.ask("PUT", ENTRY, replaced)).status == 204
        assert not b.node.links[0].HasField("phys_channel_att")
        # a leaf that was not there, and one that goes
        assert (await b.ask("PUT", f"{ENTRY}/qkdl_enable", {"etsi-qkd-sdn-node:qkdl_enable": False})).status == 201
        assert (await b.ask("DELETE", f"{ENTRY}/qkdl_enable")).status == 204
        assert (await b.ask("DELETE", f"{ENTRY}/qkdl_enable")).refusal == (404, "invalid-value")
        assert (await b.ask("DELETE", ENTRY)).status == 204
        assert (b.node.links, (await b.ask("DELETE", ENTRY)).refusal) == ([], (404, "invalid-value"))
        # PUT makes too, PATCH does not
        assert (await b.ask("PATCH", ENTRY, link_body())).refusal == (404, "invalid-value")
        put = await b.ask("PUT", ENTRY, link_body())
        assert (put.status, put.headers["location"]) == (201, f"https://127.0.0.1:{b.port}{ENTRY}")


@pytest.mark.anyio
async def test_whole_containers_and_the_datastore(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        both = {"qkd_link": [*link_body()["etsi-qkd-sdn-node:qkd_link"], {"qkdl_id": OTHER}]}
        assert (await b.ask("PUT", LINKS, {"etsi-qkd-sdn-node:qkd_links": both})).status == 204
        assert len(b.node.links) == 2
        more = {"ietf-restconf:data": {NODE: {"qkd_links": {"qkd_link": [{"qkdl_id": OTHER, "qkdl_enable": False}]}}}}
        assert (await b.ask("PATCH", DATA, more)).status == 204
        assert [one.qkdl_enable for one in b.node.links if one.qkdl_id == OTHER] == [False]
        # what is read as configuration can be put back, interfaces included
        config = (await b.ask("GET", f"{TOP}?content=config")).json
        for link in config[NODE]["qkd_links"]["qkd_link"]:
            del link["qkdl_status"]
        del config[NODE]["qkdn_version"]  # the node's own, until a controller writes one
        before = b.node.applied
        assert (await b.ask("PUT", TOP, config)).status == 204
        assert b.node.applied == before  # nothing is changed by it
        changed = copy.deepcopy(config)
        changed[NODE]["qkd_interfaces"]["qkd_interface"][0]["qkdi_model"] = "other"
        refused = await b.ask("PUT", TOP, changed)
        assert refused.refusal == (400, "invalid-value")
        assert "qkd_interfaces" in refused.error["error-path"]
        bare = {"ietf-restconf:data": {NODE: {"qkdn_id": OWN}}}
        assert (await b.ask("PUT", DATA, bare)).status == 204
        assert b.node.links == []
        assert (await b.ask("PUT", DATA, {"ietf-restconf:data": {}})).refusal == (400, "missing-element")
        assert (await b.ask("POST", DATA, {NODE: {"qkdn_id": OWN}})).refusal == (409, "data-exists")


@pytest.mark.anyio
async def test_leaf_lists(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert (await b.ask("POST", APPS, app_body())).status == 201
        carol = f"{APPS}/qkd_app={APP}/client_app_id=sae%3Acarol"
        body = {"etsi-qkd-sdn-node:client_app_id": ["sae:carol"]}
        assert (await b.ask("POST", f"{APPS}/qkd_app={APP}", body)).status == 201
        assert (await b.ask("POST", f"{APPS}/qkd_app={APP}", body)).refusal == (409, "data-exists")
        assert list(b.node.applications[0].client_app_ids) == ["sae:bob", "sae:carol"]
        assert (await b.ask("DELETE", carol)).status == 204
        assert (await b.ask("PUT", carol, body)).status == 201
        assert (await b.ask("DELETE", f"{APPS}/qkd_app={APP}/client_app_id=sae%3Abob")).status == 204
        assert list(b.node.applications[0].client_app_ids) == ["sae:carol"]


def entry(**members: Any) -> dict[str, Any]:
    return {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": LINK, **members}]}


def virt(**members: Any) -> dict[str, Any]:
    return {"etsi-qkd-sdn-node:qkd_link": virt_link(**members)[NODE]["qkd_links"]["qkd_link"]}


# method, path, body, (status, error-tag), app tag, end of the error-path
REFUSED: list[tuple[str, str, Any, tuple[int, str], str, str]] = [
    ("POST", LINKS, b"", (400, "malformed-message"), "", ""),
    ("POST", LINKS, b"{", (400, "malformed-message"), "", ""),
    ("POST", LINKS, b"\xff", (400, "malformed-message"), "", ""),
    ("POST", LINKS, b"[" * 100_000, (400, "malformed-message"), "", ""),
    ("POST", LINKS, b'{"a":1,"a":2}', (400, "malformed-message"), "", ""),
    ("POST", LINKS, b'{"etsi-qkd-sdn-node:qkd_link":[{"qkdl_id":NaN}]}', (400, "malformed-message"), "", ""),
    ("POST", LINKS, {}, (400, "malformed-message"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:qkd_link": []}, (400, "malformed-message"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:qkd_link": {"qkdl_id": LINK}}, (400, "malformed-message"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:qkd_link": ["x"]}, (400, "malformed-message"), "", ""),
    ("POST", LINKS, {"qkd_link": [{"qkdl_id": LINK}]}, (400, "unknown-element"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:nothing": []}, (400, "unknown-element"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_enable": True}]}, (400, "missing-element"), "", ""),
    ("POST", LINKS, {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": "x"}]}, (400, "invalid-value"), "", "/qkdl_id"),
    ("POST", LINKS, entry(link_id=LINK), (400, "unknown-element"), "", "/link_id"),
    ("POST", LINKS, entry(qkdl_type="PHYS"), (400, "invalid-value"), "", "/qkdl_type"),
    ("POST", LINKS, entry(qkdl_status=of("ON")), (400, "invalid-value"), "", "/qkdl_status"),
    ("POST", LINKS, entry(qkdl_enable="true"), (400, "invalid-value"), "", "/qkdl_enable"),
    ("POST", LINKS, entry(virt_bandwidth=1), (400, "unknown-element"), "", "/virt_bandwidth"),
    ("POST", LINKS, link_body(phys_channel_att=7.25), (400, "invalid-value"), "", "/phys_channel_att"),
    ("POST", LINKS, link_body(qkdl_performance={"skr": 1}), (400, "unknown-element"), "", "/skr"),
    ("POST", LINKS, link_body(qkdl_performance={"skr": "x"}), (400, "invalid-value"), "", "/skr"),
    ("PUT", ENTRY, {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": OTHER}]}, (400, "invalid-value"), "", ""),
    ("PUT", ENTRY, {"etsi-qkd-sdn-node:qkd_links": {}}, (400, "malformed-message"), "", ""),
    ("PUT", ENTRY, {"etsi-qkd-sdn-node:qkd_link": [{}]}, (400, "missing-element"), "", ""),
    ("PUT", LINKS, {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [{"qkdl_id": LINK}, {"qkdl_id": LINK.upper()}]}},
     (400, "bad-element"), "", "/qkd_link"),
    ("PUT", f"{ENTRY}/qkdl_enable", {"etsi-qkd-sdn-node:qkdl_enable": True}, (409, "data-missing"), "", ""),
    ("POST", ENTRY, {"etsi-qkd-sdn-node:qkdl_enable": True}, (404, "invalid-value"), "", ""),
    ("PUT", f"{TOP}/qkdn_id", {"etsi-qkd-sdn-node:qkdn_id": FAR}, (400, "invalid-value"), "semantics", "/qkdn_id"),
    ("PUT", TOP, {NODE: {"qkdn_version": "2"}}, (400, "missing-element"), "", "/qkdn_id"),
    ("PUT", f"{TOP}/qkdn_version", {"etsi-qkd-sdn-node:qkdn_version": 5}, (400, "invalid-value"), "", "/qkdn_version"),
    ("PUT", LINKS, {"etsi-qkd-sdn-node:qkd_links": 5}, (400, "invalid-value"), "", "/qkd_links"),
    ("PATCH", DATA, {"ietf-restconf:data": {NODE: []}}, (400, "invalid-value"), "", NODE),
    ("PATCH", DATA, {"ietf-restconf:data": {"ietf-restconf-monitoring:restconf-state": {}}},
     (400, "invalid-value"), "", "restconf-state"),
    ("PUT", f"{ENTRY}?insert=first", entry(), (400, "invalid-value"), "", ""),
]  # fmt: skip
# rules of section 5.7 of the sheet that a node can see alone: path, body, end of the error-path
SEMANTICS: list[tuple[str, Any, str]] = [
    (LINKS, link_body(qkdl_local={"qkdn_id": FAR, "qkdi_id": 1}), "qkdl_local/qkdn_id"),
    (LINKS, link_body(qkdl_local={"qkdn_id": OWN, "qkdi_id": 9}), "/qkdi_id"),
    (LINKS, link_body(qkdl_remote={"qkdn_id": OWN}), "qkdl_remote/qkdn_id"),
    (LINKS, link_body(phys_wavelength="41"), "/phys_wavelength"),
    (LINKS, link_body(phys_channel_att="12.6"), "/phys_channel_att"),
    (LINKS, link_body(phys_qkd_role=of("RECEIVER")), "/phys_qkd_role"),
    (LINKS, virt(virt_next_hop=[OWN]), "/virt_next_hop"),
    (LINKS, virt(virt_prev_hop=MIDDLE), "/virt_next_hop"),
    (LINKS, entry(qkdl_type=of("VIRT")), "/virt_next_hop"),
    (APPS, app_body(local_qkdn_id=FAR), "/local_qkdn_id"),
    (APPS, app_body(remote_qkdn_id=OWN), "/remote_qkdn_id"),
    (APPS, app_body(app_qos={"min_bandwidth": 2, "max_bandwidth": 1}), "/min_bandwidth"),
    (APPS, app_body(expiration_time="2026-02-30T00:00:00Z"), "/expiration_time"),
]


@pytest.mark.anyio
async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = (await b.ask("GET", DATA)).json
        for method, path, body, expected, app_tag, end in REFUSED:
            answer = await b.ask(method, path, body)
            assert answer.refusal == expected, (method, path, body, answer.body)
            assert answer.error.get("error-app-tag", "") == app_tag
            assert answer.error.get("error-path", "").endswith(end), answer.body
            assert answer.error["error-message"]
        for path, body, end in SEMANTICS:
            answer = await b.ask("POST", path, body)
            assert answer.refusal == (400, "invalid-value"), body
            assert answer.error["error-app-tag"] == "semantics"
            assert answer.error["error-path"].endswith(end), answer.body
        for kind in (
            "application/json",
            "application/yang-data+xml",
            "",
            "application/yang-data+json; charset=latin-1",
        ):
            answer = await b.ask("POST", LINKS, link_body(), Content_Type=kind)
            assert answer.refusal == (415, "malformed-message"), kind
        assert (await b.ask("GET", DATA)).json == before
        assert b.node.applied == 1  # when it was connected
        once = {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [{"qkdl_id": LINK}]}}
        assert (await b.ask("PUT", LINKS, once)).status == 204
        twice = {"etsi-qkd-sdn-node:qkd_links": {"qkd_link": [{"qkdl_id": LINK}, {"qkdl_id": LINK}]}}
        assert (await b.ask("PUT", LINKS, twice)).refusal == (400, "bad-element")
        assert (await b.ask("DELETE", ENTRY)).status == 204
        # the twins that are right
        assert (
            await b.ask("PATCH", DATA, {"ietf-restconf:data": {NODE: {"@": {}, "qkdn_version": "2"}}})
        ).status == 204
        assert "@" not in (await b.ask("GET", TOP)).json[NODE]
        assert (await b.ask("POST", LINKS, link_body(phys_channel_att="12.5", phys_wavelength="40"))).status == 201
        assert (await b.ask("PUT", ENTRY, virt(virt_prev_hop=FAR))).status == 204
        assert (await b.ask("POST", APPS, app_body(app_qos={"min_bandwidth": 2, "max_bandwidth": 2}))).status == 201


@pytest.mark.anyio
async def test_what_the_node_refuses_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.node.refuse = LINK
        answer = await b.ask("POST", LINKS, link_body())
        assert answer.refusal == (409, "resource-denied")
        assert answer.error["error-app-tag"] == "node-refused"
        assert answer.error["error-path"] == f"/{NODE}/qkd_links/qkd_link[qkdl_id='{LINK}']/qkdl_local/qkdi_id"
        assert (await b.ask("GET", ENTRY)).status == 404
        b.node.refuse = ""
        assert (await b.ask("POST", LINKS, link_body())).status == 201


@pytest.mark.anyio
async def test_a_node_that_is_set_not_to_relay_does_not(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        off = {"etsi-qkd-sdn-node:qkdn_capabilities": {"key_relay_mode_enable": False, "link_stats_support": False}}
        assert (await b.ask("PUT", f"{TOP}/qkdn_capabilities", off)).status == 204
        between = virt(virt_prev_hop="0b5a9f6e-4c5f-4a0e-9d0e-6a1c0de00004")
        assert (await b.ask("POST", LINKS, between)).refusal == (400, "invalid-value")
        assert (await b.ask("POST", LINKS, virt())).status == 201  # the end of a link relays nothing
        shown = (await b.ask("GET", ENTRY)).json["etsi-qkd-sdn-node:qkd_link"][0]
        assert "qkdl_performance" not in shown
        assert shown["qkdl_status"] == of("ACTIVE")


@pytest.mark.anyio
async def test_the_three_meanings_of_a_written_status(tmp_path: Path) -> None:
    status = f"{ENTRY}/qkdl_status"

    def body(name: str) -> dict[str, str]:
        return {"etsi-qkd-sdn-node:qkdl_status": of(name)}

    async def shown() -> str:
        return str((await b.ask("GET", status)).json["etsi-qkd-sdn-node:qkdl_status"]).rpartition(":")[2]

    for meaning, steps in {
        # what is written, what is shown then, whether the node is told to make keys
        "both": [("OFF", "OFF", False), ("PENDING", "OFF", False), ("ACTIVE", "ACTIVE", True)],
        "observation": [("OFF", "ACTIVE", True), ("ACTIVE", "ACTIVE", True)],
        "command": [("OFF", "OFF", False), ("PASSIVE", "PASSIVE", True), ("ACTIVE", "ACTIVE", True)],
    }.items():
        folder = tmp_path / meaning
        folder.mkdir()
        async with bench(folder, qkdl_status=meaning) as b:
            assert (await b.ask("POST", LINKS, link_body())).status == 201
            for written, seen, runs in steps:
                assert (await b.ask("PUT", status, body(written))).status in (201, 204)
                link = b.node.links[0]
                assert (not link.HasField("qkdl_enable") or link.qkdl_enable) is runs, (meaning, written)
                assert await shown() == seen, (meaning, written)
            # written with the entry, and beside qkdl_enable
            replaced = link_body(qkdl_status=of("OFF"))
            assert (await b.ask("PUT", ENTRY, replaced)).status == 204
            assert await shown() == ("ACTIVE" if meaning == "observation" else "OFF")
            replaced = link_body(qkdl_status=of("OFF"), qkdl_enable=True)
            assert (await b.ask("PUT", ENTRY, replaced)).status == 204
            assert await shown() == ("OFF" if meaning == "command" else "ACTIVE")
            assert (await b.ask("PUT", status, body("NOTHING"))).refusal == (400, "invalid-value")


# -- concurrency -----------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_tags_follow_what_they_are_of(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ask("POST", LINKS, link_body())
        await b.ask("POST", APPS, app_body())

        async def tags(*paths: str) -> list[str]:
            return [(await b.ask("GET", path)).headers["etag"] for path in paths]

        places = (DATA, TOP, LINKS, ENTRY, f"{ENTRY}/qkdl_local", APPS)
        before = await tags(*places)
        assert await tags(*places) == before
        assert (
            await b.ask("PUT", f"{ENTRY}/phys_wavelength", {"etsi-qkd-sdn-node:phys_wavelength": "33"})
        ).status == 204
        after = await tags(*places)
        assert [old != new for old, new in zip(before, after, strict=True)] == [True, True, True, True, False, False]
        assert (await tags(f"{ENTRY}/qkdl_type")) == [after[3]]  # a leaf bears the tag of its entry
        await b.ask("DELETE", ENTRY)
        await b.ask("POST", LINKS, link_body())
        assert (await tags(ENTRY))[0] not in (before[3], after[3])
        interfaces = await b.ask("GET", f"{TOP}/qkdn_status")
        assert "etag" not in interfaces.headers  # state


@pytest.mark.anyio
async def test_conditions(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = (await b.ask("PUT", ENTRY, link_body(), If_None_Match="*")).headers["etag"]
        failed = (412, "operation-failed")
        assert (await b.ask("PUT", ENTRY, link_body(), If_None_Match="*")).refusal == failed
        assert (await b.ask("DELETE", ENTRY, If_Match='"other"')).refusal == failed
        assert (await b.ask("DELETE", f"{LINKS}/qkd_link={OTHER}", If_Match="*")).refusal == failed
        assert (await b.ask("DELETE", ENTRY, If_Match=f"W/{first}")).refusal == failed
        assert (await b.ask("DELETE", ENTRY, If_Unmodified_Since="Thu, 01 Jan 2015 00:00:00 GMT")).refusal == failed
        known = await b.ask("GET", f"{ENTRY}?content=config", If_None_Match=first)
        assert (known.status, known.body, known.headers["etag"]) == (304, b"", first)
        assert (await b.ask("GET", ENTRY, If_None_Match=first)).status == 200  # state may have changed
        moment = (await b.ask("GET", ENTRY)).headers["last-modified"]
        assert (await b.ask("PUT", ENTRY, link_body(phys_wavelength="31"), If_Unmodified_Since=moment)).status == 204
        second = (await b.ask("GET", ENTRY)).headers["etag"]
        assert (await b.ask("DELETE", ENTRY, If_Match=first)).refusal == failed
        assert (await b.ask("DELETE", ENTRY, If_Match=f'"x", {second}')).status == 204


@pytest.mark.anyio
async def test_of_two_writers_one_wins(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        other = Controller(b.port, client_context(SECOND))
        await b.ask("PUT", ENTRY, link_body())
        for round_ in range(3):
            tag = (await b.ask("GET", ENTRY)).headers["etag"]
            bodies = [link_body(phys_wavelength=str(30 + 2 * round_ + one)) for one in range(2)]
            asked = [
                client("PUT", ENTRY, body, If_Match=tag) for client, body in zip((b.ask, other), bodies, strict=True)
            ]
            answers = await asyncio.gather(*asked)
            assert sorted(answer.status for answer in answers) == [204, 412]
            winner = [answer.status for answer in answers].index(204)
            assert b.node.links[0].phys_wavelength == str(30 + 2 * round_ + winner)
