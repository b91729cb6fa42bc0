"""`qkd.node.v1` messages to RFC 7951 JSON and back: the same facts in two spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

_Any = TypeVar("_Any", bound=Message)

NODE_MODULE = "etsi-qkd-sdn-node"
TYPES_MODULE = "etsi-qkd-node-types"
# identities whose name is not the enumerator's with "-" for "_"
_SPELLED = {"DV_QKD_2WS": "DV-QKD-2Ws"}
_SPELLED_BACK = {identity: name for name, identity in _SPELLED.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a message stands in JSON.

    Attributes:
        name: name of the field.
        path: members from the message's object down to the value.
        decimal: a decimal64 with three places, text in JSON, a double in the message.
        always: written even when it is 0: a key, or a count.
        table: of the message that the field holds.
    """

    name: str
    path: tuple[str, ...]
    decimal: bool = False
    always: bool = False
    table: tuple[Field, ...] = ()


Table = tuple[Field, ...]


def _plain(*names: str) -> Table:
    return tuple(Field(name, (name,)) for name in names)


_QOS = _plain(
    "max_bandwidth", "min_bandwidth", "jitter", "ttl", "clients_shared_path_enable", "clients_shared_keys_required"
)
_STATISTICS = (*_plain("end_time", "start_time"), Field("consumed_bits", ("consumed_bits",), always=True))
_APP_DETAILS = (
    *_plain("app_type", "server_app_id"),
    Field("client_app_ids", ("client_app_id",)),
    *_plain("app_priority"),
)
_APP_QOS = Field("app_qos", ("app_qos",), table=_QOS)
APPLICATION: Table = (
    *_plain("app_id", "app_status"),
    *_APP_DETAILS,
    *_plain("creation_time", "expiration_time"),
    Field("statistics", ("app_statistics", "statistics"), table=_STATISTICS),
    _APP_QOS,
    Field("backing_qkdl_ids", ("backing_qkdl_id",)),
    *_plain("local_qkdn_id", "remote_qkdn_id"),
)
_QKDI_ID = Field("qkdi_id", ("qkdi_id",), always=True)
_INTERFACE_ITEM: Table = (
    _QKDI_ID,
    *_plain("qkdi_model", "qkdi_type"),
    Field("device", ("qkdi_att_point", "device")),
    Field("port", ("qkdi_att_point", "port")),
    Field("role_support", ("qkdi_capabilities", "role_support")),
    Field("wavelength_range", ("qkdi_capabilities", "wavelength_range")),
    Field("max_absorption", ("qkdi_capabilities", "max_absorption"), decimal=True),
)
INTERFACE: Table = (*_INTERFACE_ITEM, *_plain("qkdi_status"))
_FIGURES = _plain("expected_consumption", "skr", "eskr")
_PHYS_PERF = (*_plain("perf_type"), Field("value", ("value",), decimal=True, always=True))
_PERFORMANCE: Table = (*_FIGURES, Field("phys_perf", ("phys_perf",), table=_PHYS_PERF))
_END = _plain("qkdn_id", "qkdi_id")
LINK: Table = (
    *_plain("qkdl_id", "qkdl_status", "qkdl_enable"),
    Field("qkdl_local", ("qkdl_local",), table=_END),
    Field("qkdl_remote", ("qkdl_remote",), table=_END),
    *_plain("qkdl_type", "qkdl_applications", "virt_prev_hop"),
    Field("virt_next_hops", ("virt_next_hop",)),
    *_plain("virt_bandwidth"),
    Field("phys_channel_att", ("phys_channel_att",), decimal=True),
    *_plain("phys_wavelength", "phys_qkd_role"),
    Field("qkdl_performance", ("qkdl_performance",), table=_PERFORMANCE),
)
NODE_TABLE: Table = (
    *_plain("qkdn_id", "qkdn_status", "qkdn_version", "qkdn_location_id"),
    Field("link_stats_support", ("qkdn_capabilities", "link_stats_support")),
    Field("application_stats_support", ("qkdn_capabilities", "application_stats_support")),
    Field("key_relay_mode_enable", ("qkdn_capabilities", "key_relay_mode_enable")),
    Field("qkd_applications", ("qkd_applications", "qkd_app"), table=APPLICATION),
    Field("qkd_interfaces", ("qkd_interfaces", "qkd_interface"), table=INTERFACE),
    Field("qkd_links", ("qkd_links", "qkd_link"), table=LINK),
)

_SAID = _plain("message", "severity")
_HAPPENING: Table = (
    Field("link", ("link",), table=(*_plain("qkdl_id", "qkdl_status"), *_SAID)),
    Field("interface", ("interface",), table=(_QKDI_ID, *_plain("qkdi_status"), *_SAID)),
    Field("application", ("application",), table=(*_plain("app_id", "app_status"), *_SAID)),
)
# by field of WatchNotificationsResponse, which is the name of the notification: its container (or "" for none), and
# the table of what is in it; a table of one field without a message is for a bare value
_NOTIFICATIONS: Mapping[str, tuple[str, Table]] = {
    "sdqkdn_application_new": ("qkd_application", (*_APP_DETAILS, *_plain("local_qkdn_id"), _APP_QOS)),
    "sdqkdn_application_qos_update": ("qkd_application", (*_plain("app_id", "app_priority"), _APP_QOS)),
    "sdqkdn_application_disconnected": ("qkd_application", _plain("app_id")),
    "sdqkdn_interface_new": ("qkd_interface", _INTERFACE_ITEM),
    "sdqkdn_interface_down": ("qkd_interface", (_QKDI_ID, *_plain("reason"))),
    "sdqkdn_interface_out": ("qkd_interface", (_QKDI_ID,)),
    "sdqkdn_link_down": ("qkd_link", _plain("qkdl_id", "reason")),
    "sdqkdn_link_perf_update": (
        "qkd_link",
        (*_plain("qkdl_id"), Field("performance", ("performance",), table=_PERFORMANCE)),
    ),
    "sdqkdn_link_overloaded": (
        "qkd_link",
        (*_plain("qkdl_id"), Field("performance", ("performance",), table=_FIGURES)),
    ),
    "alarm": ("", _HAPPENING),
    "event": ("", _HAPPENING),
}


def to_json(message: Message, table: Table) -> dict[str, Any]:
    """The object of a message; what is absent or unspecified is left out."""
    made: dict[str, Any] = {}
    for field in table:
        value = _value(message, field)
        if value is None:
            continue
        level = made
        for member in field.path[:-1]:
            level = level.setdefault(member, {})
        level[field.path[-1]] = value
    return made


def from_json(raw: Mapping[str, Any], table: Table, message: _Any) -> _Any:
    """Fills a new message from an object that the model has found valid; what the table does not know is left out.

    Raises:
        ValueError: a date that is valid in the model, but that no calendar has; the text names the leaf.
    """
    for field in table:
        value: Any = raw
        for member in field.path:
            value = value.get(member) if isinstance(value, Mapping) else None
        if value is not None:
            _fill(message, field, value)
    return message


def notification(message: Message) -> tuple[str, dict[str, Any]] | None:
    """Name without module, and content, of a `WatchNotificationsResponse`; None = it holds none."""
    name = message.WhichOneof("notification")
    if name is None:
        return None
    container, table = _NOTIFICATIONS[name]
    held = getattr(message, name)
    inner = to_json(held, table) if isinstance(held, Message) else {table[0].path[0]: held}
    return name, {container: inner} if container else inner


def date_and_time(stamp: Timestamp) -> str:
    """A yang:date-and-time in UTC."""
    return str(stamp.ToJsonString())


def _value(message: Message, field: Field) -> Any:
    kind = message.DESCRIPTOR.fields_by_name[field.name]
    held = getattr(message, field.name)
    if kind.is_repeated:
        values = [_one(one, field, kind.enum_type) for one in held]
        return values or None
    if kind.has_presence:
        return _one(held, field, kind.enum_type) if message.HasField(field.name) else None
    return _one(held, field, kind.enum_type) if held or field.always else None


def _one(held: Any, field: Field, enum: Any) -> Any:
    if isinstance(held, Timestamp):
        return date_and_time(held)
    if isinstance(held, Message):
        return to_json(held, field.table)
    if enum is not None:
        name = enum.values_by_number[held].name.removeprefix(_prefix(enum))
        return f"{TYPES_MODULE}:{_SPELLED.get(name, name.replace('_', '-'))}"
    return _decimal(held) if field.decimal else held


def _fill(message: Message, field: Field, value: Any) -> None:
    kind = message.DESCRIPTOR.fields_by_name[field.name]
    if kind.message_type is None:
        plain = [_number(one, field, kind.enum_type) for one in (value if kind.is_repeated else [value])]
        if kind.is_repeated:
            getattr(message, field.name).extend(plain)
        else:
            setattr(message, field.name, plain[0])
        return
    for one in value if kind.is_repeated else [value]:
        inner = getattr(message, field.name).add() if kind.is_repeated else getattr(message, field.name)
        inner.SetInParent()
        if isinstance(inner, Timestamp):
            try:
                inner.FromJsonString(one.upper().replace(" ", "T"))
            except (ValueError, OverflowError):
                raise ValueError(f"{field.path[-1]}: {one!r} is no date") from None
        else:
            from_json(one, field.table, inner)


def _number(value: Any, field: Field, enum: Any) -> Any:
    if enum is not None:
        identity = value.rpartition(":")[2]
        name = _SPELLED_BACK.get(identity, identity.replace("-", "_"))
        return enum.values_by_name[_prefix(enum) + name].number
    return float(value) if field.decimal else value


def _prefix(enum: Any) -> str:
    return str(enum.values[0].name.removesuffix("UNSPECIFIED"))


def _decimal(value: float) -> str:
    text = f"{value:.3f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text
