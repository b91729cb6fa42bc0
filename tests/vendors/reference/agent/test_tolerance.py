from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.yang.data import FAR, LINK, OWN
from tests.vendors.reference.agent.standin import bench

TOP = "/restconf/data/etsi-qkd-sdn-node:qkd_node"
# as TeraFlowSDN's driver posts a link
POSTED: dict[str, Any] = {
    "qkd_links": {
        "qkd_link": [
            {
                "qkdl_id": LINK,
                "qkdl_local": {"qkdn_id": OWN, "qkdi_id": "1"},
                "qkdl_remote": {"qkdn_id": FAR, "qkdi_id": "4"},
                "qkdl_type": "DIRECT",
                "phys_channel_att": 7.25,
                "virt_prev_hop": None,
                "qkdl_enable": "true",
            }
        ]
    }
}


@pytest.mark.anyio
async def test_what_teraflow_sends_is_taken_and_what_it_reads_is_answered(tmp_path: Path) -> None:
    async with bench(tmp_path, tolerance="tfs-freeconf") as b:
        posted = await b.ask("POST", f"{TOP}/qkd_links/", POSTED, Content_Type="application/json")
        assert posted.status == 201, posted.body
        link = b.node.links[0]
        assert (link.qkdl_local.qkdi_id, link.qkdl_type, link.phys_channel_att) == (1, 2, 7.25)
        node = (await b.ask("GET", f"{TOP}/", Accept="application/json")).json["qkd_node"]
        assert node["qkdn_id"] == OWN
        assert node["qkd_links"]["qkd_link"][0]["qkdl_type"] == "PHYS"
        (only,) = (await b.ask("GET", f"{TOP}/qkd_links/qkd_link={LINK}")).json["qkd_link"]
        assert only["qkdl_status"] == "ACTIVE"
        # RFC 8040 to the letter is taken as well, and what is wrong is still refused
        enable = {"etsi-qkd-sdn-node:qkdl_enable": False}
        assert (await b.ask("PUT", f"{TOP}/qkd_links/qkd_link={LINK}/qkdl_enable", enable)).status == 204
        changed = {"qkd_link": [{"qkdl_id": LINK, "phys_wavelength": "33"}]}
        assert (await b.ask("PATCH", f"{TOP}/qkd_links/qkd_link={LINK}", changed)).status == 204
        for wrong in ({"qkdl_id": "x"}, {"qkdl_id": OWN, "qkdl_type": "CLIENT"}, {"qkdl_id": OWN, "qkdl_enable": "x"}):
            answer = await b.ask("POST", f"{TOP}/qkd_links/", {"qkd_links": {"qkd_link": [wrong]}})
            assert answer.refusal == (400, "invalid-value"), wrong
        assert (await b.ask("POST", f"{TOP}/qkd_links/", {"nothing": 1})).refusal == (400, "unknown-element")


@pytest.mark.anyio
async def test_the_strict_agent_takes_none_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert (await b.ask("POST", f"{TOP}/qkd_links/", POSTED)).refusal == (404, "invalid-value")
        assert (await b.ask("POST", f"{TOP}/qkd_links", POSTED)).refusal == (400, "unknown-element")
        inner = {"etsi-qkd-sdn-node:qkd_link": POSTED["qkd_links"]["qkd_link"]}
        assert (await b.ask("POST", f"{TOP}/qkd_links", inner)).refusal == (400, "invalid-value")
        assert (await b.ask("GET", f"{TOP}/")).refusal == (404, "invalid-value")
