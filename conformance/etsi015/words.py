"""Links and applications as a controller writes them: RFC 7951 JSON of ETSI GS QKD 015 V2.1.1."""

from __future__ import annotations

import uuid
from typing import Any, Final

from harness.testbed.agents import AgentBench, Far

MODULE: Final = "etsi-qkd-sdn-node"
NODE: Final = f"{MODULE}:qkd_node"
T: Final = "etsi-qkd-node-types:"
PHYS_LEAVES: Final = ("phys_channel_att", "phys_wavelength", "phys_qkd_role")

Json = dict[str, Any]


def fresh() -> str:
    """A new UUID."""
    return str(uuid.uuid4())


def phys(bench: AgentBench, far: Far, number: int = 1, *, leaves: bool = True, **more: Any) -> Json:
    """A physical link from an interface of the node to the same number at another node.

    Args:
        bench: the node.
        far: the other one.
        number: qkdi_id at both ends.
        leaves: whether phys_* are written, which the model as published forbids.
        more: members that differ; None = leave it out.
    """
    kind = bench.modules[number].kind
    link: Json = {
        "qkdl_id": fresh(),
        "qkdl_enable": True,
        "qkdl_local": {"qkdn_id": bench.qkdn_id, "qkdi_id": number},
        "qkdl_remote": {"qkdn_id": far.qkdn_id, "qkdi_id": number},
        "qkdl_type": f"{T}PHYS",
    }
    if leaves:
        role = "TRANSMITTER" if kind.role == 1 else "RECEIVER"
        link |= {
            "phys_channel_att": "5.25",
            "phys_wavelength": kind.channels[0].partition("-")[2],
            "phys_qkd_role": f"{T}{role}",
        }
    return {name: value for name, value in (link | more).items() if value is not None}


def virt(bench: AgentBench, end: Far, *, before: Far | None = None, after: Far | None = None, **more: Any) -> Json:
    """A virtual link as the node has it, between the node before it and the one after it; `end` is the far end."""
    link: Json = {
        "qkdl_id": fresh(),
        "qkdl_enable": True,
        "qkdl_local": {"qkdn_id": bench.qkdn_id},
        "qkdl_remote": {"qkdn_id": end.qkdn_id},
        "qkdl_type": f"{T}VIRT",
        "virt_bandwidth": 600,
    }
    if before is not None:
        link["virt_prev_hop"] = before.qkdn_id
    if after is not None:
        link["virt_next_hop"] = [after.qkdn_id]
    return link | more


def application(bench: AgentBench, far: Far | None, *links: Json, **more: Any) -> Json:
    """An application of the node's SAE "app-a"; `far` None = its other node is not known yet."""
    app: Json = {
        "app_id": fresh(),
        "app_type": f"{T}CLIENT",
        "server_app_id": "sae:app-a",
        "client_app_id": ["sae:app-b"],
        "app_priority": 3,
        "app_qos": {"max_bandwidth": 512, "min_bandwidth": 512},
        "backing_qkdl_id": [link["qkdl_id"] for link in links],
        "local_qkdn_id": bench.qkdn_id,
    }
    if far is not None:
        app["remote_qkdn_id"] = far.qkdn_id
    return app | more


def short(identity: object) -> str:
    """The name of an identity without its module; "" = there is none."""
    return identity.rpartition(":")[2] if isinstance(identity, str) else ""
