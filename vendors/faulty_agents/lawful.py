"""Agents that differ from the reference and are as good."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.agent_pb2 import SdNode

from .behind import Behind
from .bodies import Rewriting
from .catalogue import variant
from .stores import SenseUnchecked


class _FractionalQber(Behind):
    def shown(self, node: SdNode) -> SdNode:
        for link in node.qkd_links:
            for one in link.qkdl_performance.phys_perf:
                one.value = one.value / 100 if one.perf_type == model.PERFORMANCE_TYPE_QBER else one.value
        return node


class _OffForPending(Behind):
    def shown(self, node: SdNode) -> SdNode:
        for link in node.qkd_links:
            if link.qkdl_status == model.LINK_STATUS_PENDING:
                link.qkdl_status = model.LINK_STATUS_OFF
        return node


class _OtherOrder(Rewriting):
    def document(self, document: Any) -> Any:
        return _turned(document)


def _turned(value: Any) -> Any:
    if isinstance(value, list):
        return [_turned(one) for one in reversed(value)]
    if isinstance(value, dict):
        return {name: _turned(inner) for name, inner in reversed(value.items())}
    return value


class _Loose(Rewriting):
    """White space in JSON, and a parameter in the media type."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        answer = super().answered(request, answer)
        if answer.content_type == "application/yang-data+json" and answer.body:
            answer.body = json.dumps(json.loads(bytes(answer.body)), indent=2).encode()  # type: ignore[arg-type]
            answer.charset = "utf-8"
        return answer


class _NoStatistics(Rewriting):
    """Says that it has no figures, and shows none."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        if name == "qkdl_performance":
            return name, {}
        if name == "app_statistics":
            return name, {}
        return name, value

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        return answer if request.rel_url.query_string else super().answered(request, answer)

    def document(self, document: Any) -> Any:
        made = super().document(document)
        node = made.get("etsi-qkd-sdn-node:qkd_node")
        if isinstance(node, dict):
            node["qkdn_capabilities"] = {"link_stats_support": False, "application_stats_support": False}
        return made


class _NoStream(Rewriting):
    """Offers no event stream."""

    def document(self, document: Any) -> Any:
        document.get("ietf-restconf-monitoring:restconf-state", {}).pop("streams", None)
        return document


variant("published-model", "enforces the model as published: no virt_*, phys_* or phys_perf", profile="published")
variant("status-is-a-command", "takes a written qkdl_status for a command, and shows it", qkdl_status="command")
variant("status-is-observed", "passes over a written qkdl_status", qkdl_status="observation")
variant("restconf-only", "offers RESTCONF and no gRPC", grpc=False)
variant("qber-as-a-fraction", "gives QBER as a fraction, not in per cent", parts={"node": _FractionalQber})
variant("off-before-keys", "a link that has no keys yet is OFF, not PENDING", parts={"node": _OffForPending})
variant("other-order", "writes members and entries in another order", parts={"server": _OtherOrder})
variant("loose-json", "writes JSON with white space, and names the charset", parts={"server": _Loose})
variant("no-statistics", "has no figures of links and applications, and says so", parts={"server": _NoStatistics})
variant(
    "sense-unchecked",
    "takes links of other nodes and to itself, which the schema allows, and does nothing about them",
    parts={"store": SenseUnchecked},
)
variant("no-stream", "sends no notifications", parts={"server": _NoStream})
