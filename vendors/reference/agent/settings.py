"""What can be set on a reference SDN agent, with defaults: `ProvisionAgentRequest.settings` by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_CHOICES = {
    "profile": ("erratum", "published"),
    "qkdl_status": ("both", "command", "observation"),
    "tolerance": ("strict", "tfs-freeconf"),
}
_LARGEST_PORT = 65535
NODE_PREFIX = "node_"
"""Settings of the node behind the agent; see `vendors.reference.agent.node.settings`."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Options and bounds of one agent. Immutable; checked when made.

    Attributes:
        profile: the model as mended ("erratum") or as published, under which no link can have virt_* or phys_* leaves.
        qkdl_status: what a written qkdl_status does (the model leaves it open). "observation": nothing, the leaf shows
            the link's state. "both": ACTIVE and OFF set qkdl_enable, unless the same request sets that itself; the leaf
            shows the state. "command": the leaf keeps what was written; OFF stops the link whatever qkdl_enable says.
        tolerance: "strict" = RFC 8040; "tfs-freeconf" = also what TeraFlowSDN's driver sends and reads (names without
            module, a slash at the end, a container around the entry of a POST, numbers as text, null for absent).
        host: address to listen on.
        restconf_port: port of RESTCONF; 0 = the one of the last life, or any.
        grpc_port: port of `qkd.node.v1`; 0 likewise.
        netconf_port: port of NETCONF over SSH; 0 likewise.
        max_body_octets: longest request body, and longest NETCONF message, read.
        max_streams: most event streams and subscriptions open at a time; 409 (resource-denied) beyond.
        stream_backlog: events that a stream may be behind; then it is cut.
        keep_alive_s: pause after which a silent stream is sent a comment, and a silent SSH peer asked, seconds.
        max_netconf_sessions: most NETCONF sessions at a time; channels beyond are refused.
    """

    profile: str = "erratum"
    qkdl_status: str = "both"
    tolerance: str = "strict"
    host: str = "127.0.0.1"
    restconf_port: int = 0
    grpc_port: int = 0
    netconf_port: int = 0
    max_body_octets: int = 4 * 1024 * 1024
    max_streams: int = 64
    stream_backlog: int = 1024
    keep_alive_s: float = 15.0
    max_netconf_sessions: int = 64

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")
        for name in ("restconf_port", "grpc_port", "netconf_port"):
            if not 0 <= getattr(self, name) <= _LARGEST_PORT:
                raise ValueError(f"{name}: 0 to {_LARGEST_PORT}")
        for name in ("max_body_octets", "max_streams", "stream_backlog", "keep_alive_s", "max_netconf_sessions"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is more than 0")

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> AgentSettings:
        """Reads settings by name; those of the node are passed over.

        Raises:
            ValueError: a name is unknown, or a value is not of its type.
        """
        kinds: dict[str, type[str | int | float]] = {
            field.name: type(getattr(cls(), field.name)) for field in fields(cls)
        }
        values: dict[str, Any] = {}
        for name, text in texts.items():
            if name.startswith(NODE_PREFIX):
                continue
            if name not in kinds:
                raise ValueError(f"no setting is named {name!r}; there are: {', '.join(kinds)}")
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(f"{name}: {text!r} is no number") from None
        return cls(**values)
