"""Faults in the documents of answers: names, encodings, values."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from vendors.reference.agent.restconf.server import RestconfServer

from .catalogue import fault

_NODE, _TYPES = "etsi-qkd-sdn-node:", "etsi-qkd-node-types:"
_DECIMALS = frozenset({"max_absorption", "phys_channel_att", "value"})
_FIRST_EDITION = {"qkdl_id": "link_id", "virt_prev_hop": "prev_hop", "virt_next_hop": "next_hop"}


class Rewriting(RestconfServer):
    """Changes answers on their way out."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._handle(request)
        return self.answered(request, answer) if isinstance(answer, web.Response) else answer

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """What becomes of an answer: here, of the JSON of a GET."""
        if request.method == "GET" and answer.status == 200 and answer.content_type == "application/yang-data+json":
            document = json.loads(bytes(answer.body))  # type: ignore[arg-type]
            answer.body = json.dumps(self.document(document)).encode()
        return answer

    def document(self, document: Any) -> Any:
        """What becomes of a document."""
        return each(document, self.member)

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """What becomes of a leaf, or of the name of something else."""
        return name, value


def each(value: Any, change: Callable[[str, Any], tuple[str, Any]]) -> Any:
    """A document with every member changed, from the inside out."""
    if isinstance(value, list):
        return [each(one, change) for one in value]
    if isinstance(value, dict):
        return dict(change(name, each(inner, change)) for name, inner in value.items())
    return value


@fault("names-without-module", "ETSI015-ENC-4")
class NamesWithoutModule(Rewriting):
    """Members at the top do not name their module."""

    def document(self, document: Any) -> Any:
        """See `Rewriting`."""
        return {name.removeprefix(_NODE): value for name, value in document.items()}


@fault("module-everywhere", "ETSI015-ENC-4")
class ModuleEverywhere(Rewriting):
    """qkdn_status names its module within the node, too."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return (_NODE + name if name == "qkdn_status" else name), value


@fault("bare-identities", "ETSI015-ENC-1")
class BareIdentities(Rewriting):
    """Identities do not name their module."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, value.removeprefix(_TYPES) if isinstance(value, str) else value


@fault("prefixed-identities", "ETSI015-ENC-1")
class PrefixedIdentities(Rewriting):
    """Identities have the prefix of XML in place of the module."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, value.replace(_TYPES, "etsi-qkdn-types:") if isinstance(value, str) else value


@fault("decimals-as-numbers", "ETSI015-ENC-2")
class DecimalsAsNumbers(Rewriting):
    """decimal64 values are JSON numbers."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, float(value) if name in _DECIMALS else value


@fault("numbers-as-text", "ETSI015-ENC-3")
class NumbersAsText(Rewriting):
    """Numbers of ports are JSON strings."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, str(value) if name == "port" else value


@fault("first-edition-names", "ETSI015-ED-1")
class FirstEditionNames(Rewriting):
    """Links are written as in V1.1.1."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return _FIRST_EDITION.get(name, name), value


@fault("own-leaf", "ETSI015-TREE-1")
class OwnLeaf(Rewriting):
    """The maker has added a leaf to the links, without a module of its own."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        if name == "qkdl_local" and isinstance(value, dict):
            value["qkdl_auth_status"] = "OK"
        return name, value


@fault("open-range", "ETSI015-TREE-1")
class OpenRange(Rewriting):
    """wavelength_range has no end."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, f"{value}-" if name == "wavelength_range" else value


@fault("other-node", "ETSI015-TREE-2")
class OtherNode(Rewriting):
    """qkdn_id is made anew at each start."""

    made = str(uuid.uuid4())

    def document(self, document: Any) -> Any:
        """See `Rewriting`."""
        node = document.get(f"{_NODE}qkd_node")
        if isinstance(node, dict) and "qkdn_id" in node:
            node["qkdn_id"] = self.made
        return document


@fault("operating-from-the-start", "ETSI015-TREE-5")
class OperatingFromTheStart(Rewriting):
    """A node that knows of none of its parts is OPERATING."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, f"{_TYPES}OPERATING" if value == f"{_TYPES}NEW" else value


@fault("nowhere", "ETSI015-TREE-4")
class Nowhere(Rewriting):
    """qkdn_location_id is not shown."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, "" if name == "qkdn_location_id" else value


@fault("attenuation-rounded", "ETSI015-LINK-4")
class AttenuationRounded(Rewriting):
    """phys_channel_att is kept in whole dB."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, f"{float(value):.0f}.0" if name == "phys_channel_att" else value


@fault("clients-lost", "ETSI015-APP-4")
class ClientsLost(Rewriting):
    """client_app_id is not given back."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return ("client_app_id", []) if name == "client_app_id" else (name, value)


@fault("namespace-guessed", "ETSI015-NAME-1")
class NamespaceGuessed(Rewriting):
    """The namespace is made from the name of the module."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        wrong = "urn:etsi:qkd:yang:etsi-qkd-sdn-node"
        return name, wrong if value == "urn:etsi:qkd:yang:etsi-qkd-node" else value


@fault("old-revision", "ETSI015-NAME-2")
class OldRevision(Rewriting):
    """The library lists the revision of V1.1.1."""

    def member(self, name: str, value: Any) -> tuple[str, Any]:
        """See `Rewriting`."""
        return name, "2020-09-30" if value == "2022-01-30" else value


@fault("no-library-version", "ETSI015-RC-API-1")
class NoLibraryVersion(Rewriting):
    """The API resource does not say which YANG library there is."""

    def document(self, document: Any) -> Any:
        """See `Rewriting`."""
        if isinstance(held := document.get("ietf-restconf:restconf"), dict):
            held.pop("yang-library-version", None)
        return document
