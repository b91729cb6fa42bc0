"""Data trees of ETSI GS QKD 015 for tests: valid by intent, and broken in one place."""

from __future__ import annotations

from typing import Any

NODE = "etsi-qkd-sdn-node:qkd_node"
OWN = "0b5a9f6e-4c5f-4a0e-9d0e-6a1c0de00001"
FAR = "0b5a9f6e-4c5f-4a0e-9d0e-6a1c0de00002"
MIDDLE = "0b5a9f6e-4c5f-4a0e-9d0e-6a1c0de00003"
LINK = "5d1f5d4e-8f0b-4d3c-8a88-1f2e3d4c5b01"
APP = "a1b2c3d4-0000-4000-8000-00000000a001"


def of(name: str) -> str:
    return f"etsi-qkd-node-types:{name}"


def node(**members: Any) -> dict[str, Any]:
    return {NODE: {"qkdn_id": OWN, **members}}


def with_link(**members: Any) -> dict[str, Any]:
    return node(qkd_links={"qkd_link": [{"qkdl_id": LINK, **members}]})


def phys_link(**members: Any) -> dict[str, Any]:
    link = {
        "qkdl_type": of("PHYS"),
        "qkdl_local": {"qkdn_id": OWN, "qkdi_id": 1},
        "qkdl_remote": {"qkdn_id": FAR, "qkdi_id": 4},
        "phys_channel_att": "7.25",
        "phys_wavelength": "37",
        "phys_qkd_role": of("TRANSMITTER"),
    }
    return with_link(**link | members)


def virt_link(**members: Any) -> dict[str, Any]:
    link = {
        "qkdl_type": of("VIRT"),
        "qkdl_local": {"qkdn_id": OWN},
        "qkdl_remote": {"qkdn_id": FAR},
        "virt_next_hop": [MIDDLE],
        "virt_bandwidth": 1000,
    }
    return with_link(**link | members)


def measured_link() -> dict[str, Any]:
    figures = {"skr": 2000, "phys_perf": [{"perf_type": of("QBER"), "value": "2.1"}]}
    return with_link(qkdl_type=of("PHYS"), qkdl_performance=figures)


def with_app(**members: Any) -> dict[str, Any]:
    app = {"app_id": APP, "app_type": of("CLIENT"), "server_app_id": "sae:alice", "client_app_id": ["sae:bob"]}
    return node(qkd_applications={"qkd_app": [app | members]})


# 5 that are meant to be valid; the last three use what the published conditions forbid
VALID = {"bare": node(), "application": with_app(app_qos={"max_bandwidth": 5})}
VALID_BY_INTENT = {"physical": phys_link(), "virtual": virt_link(), "measured": measured_link()}
# 10 that break one rule each, in any profile: what is wrong, and the tag that the model's engine gives it
BROKEN = {
    "uuid": ({NODE: {"qkdn_id": "nobody"}}, "invalid-value"),
    "no qkdn_id": ({NODE: {"qkdn_version": "1"}}, "missing-element"),
    "decimal64 as number": (with_link(qkdl_type=of("PHYS"), phys_channel_att=7.25), "invalid-value"),
    "uint32 as string": (with_link(qkdl_local={"qkdi_id": "1"}), "invalid-value"),
    "wavelength range": (
        node(qkd_interfaces={"qkd_interface": [{"qkdi_id": 1, "qkdi_capabilities": {"wavelength_range": "0-3"}}]}),
        "invalid-value",
    ),
    "unknown leaf": (with_link(link_id=LINK), "unknown-element"),
    "same key twice": (node(qkd_links={"qkd_link": [{"qkdl_id": LINK}, {"qkdl_id": LINK}]}), "bad-element"),
    "identity of another base": (with_link(qkdl_type=of("CLIENT")), "invalid-value"),
    "identity without module": (with_link(qkdl_type="PHYS"), "invalid-value"),
    "virt leaf on PHYS": (phys_link(virt_bandwidth=1), "unknown-element"),
}
