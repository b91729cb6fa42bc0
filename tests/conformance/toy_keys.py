"""The keys of a toy network: what is served to whom. A second implementation of 014, independent of the reference.

Everything lives in one process and one store, which both toy KMEs share. `Traits` are lawful choices, ``flaws`` are
faults, each switched by its name where the difference is made.
"""

from __future__ import annotations

import base64
import os
import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

M1 = "size shall be a multiple of 8"
M2 = "not all extension_mandatory parameters are supported"
M3 = "not all extension_mandatory request options could be met"
M4 = "not all extension_optional request options handled"
M5 = "one or more keys specified are not found on KME"


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """A status and a message."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message


@dataclass(frozen=True)
class Traits:
    """Lawful choices of a KME. Sizes in bits, times in seconds."""

    key_size: int = 256
    min_key_size: int = 64
    max_key_size: int = 1024
    max_key_per_request: int = 128
    max_sae_ids: int = 2
    ids_per_fetch: int | None = None
    odd_sizes: bool = False
    step: int = 8
    refuse_optional: bool = False
    supported: Mapping[str, object] = field(default_factory=lambda: {"toy_route": "direct"})
    stock: int | None = 4096  # keys of the default size; None = endless
    growth: float = 2000.0  # keys of the default size a second
    stock_per_direction: bool = False
    count_shown: str = "pool"  # "pool", "zero" or "pending"
    empty_status: int = 503
    id_style: str = "v4"  # "v4", "upper", "v1", "v7"
    tls: str = "1.2-1.3"  # "1.2", "1.3" or "1.2-1.3"
    delay_s: float = 0.0
    close: bool = False
    charset: bool = False
    pretty: bool = False
    chunked: bool = False
    further: bool = False
    extensions: bool = False
    body_with_401: bool = False
    unknown_caller: str = "401"  # "401", "400" or "close"
    unknown_slave: str = "400"  # "400", "401", "404" or "served"
    bad_input: int = 400  # 400 or 422
    missing_first: bool = False  # 400 before 401 when both apply
    any_master: bool = False
    case_sensitive: bool = True
    duplicate_ids: str = "400"  # "400" or "served"
    list_ignored: bool = False  # additional SAEs where max_sae_ids is 0
    no_body: str = "defaults"  # "defaults", "400" or "415"
    forbid_unknown: bool = False
    slave_view_swapped: bool = False
    shuffled: bool = False
    self_status: str = "400"
    slave_lag_s: float = 0.0
    uneven_lag: bool = False  # every third key takes five times as long


@dataclass
class _Held:
    material: bytes
    master: str
    slaves: dict[str, int]
    issued: int
    at_s: float


class ToyNetwork:
    """All keys of all SAEs, with one lock around everything."""

    def __init__(self, kme_of: Mapping[str, str], traits: Traits, flaws: frozenset[str] = frozenset()) -> None:
        self.kme_of = dict(kme_of)
        self.traits = traits
        self.flaws = flaws
        self.lock = threading.Lock()
        self.held: dict[str, _Held] = {}
        self.taken: dict[tuple[str, str], float] = {}
        self.started = time.monotonic()
        self.calls = 0
        self.blocked: set[str] = set()
        self.listed: set[str] = set()
        self.spent: set[tuple[str, str]] = set()
        self.last: bytes = b""

    def flawed(self, name: str) -> bool:
        """True when this fault is switched on."""
        return name in self.flaws

    # -- Get status ------------------------------------------------------------------------------------------------

    def status(self, kme: str, caller: str, slave: str) -> dict[str, Any]:
        t = self.traits
        if self.flawed("status-broken"):
            raise Refusal(500, "broken")
        if slave not in self.kme_of and t.unknown_slave != "served":
            raise Refusal(int(t.unknown_slave), "no such SAE")
        if slave == caller and t.self_status == "400":
            raise Refusal(400, "that is you")
        other = self.kme_of.get(slave, "kme-nowhere")
        source, target, master = kme, other, caller
        if t.slave_view_swapped and kme == self._second():
            source, target, master, slave = other, kme, slave, caller
        count = self._shown(caller, slave)
        document: dict[str, Any] = {
            "source_KME_ID": source, "target_KME_ID": target, "master_SAE_ID": master, "slave_SAE_ID": slave,
            "key_size": t.key_size, "stored_key_count": count,
            "max_key_count": 0 if t.count_shown == "zero" else 100_000,
            "max_key_per_request": t.max_key_per_request, "max_key_size": t.max_key_size,
            "min_key_size": t.min_key_size, "max_SAE_ID_count": t.max_sae_ids,
        }  # fmt: skip
        if t.extensions:
            document["status_extension"] = {}
        if t.further:
            document["toy_version"] = "1"
        return self._flawed_status(document, caller)

    def _flawed_status(self, document: dict[str, Any], caller: str) -> dict[str, Any]:
        changes: dict[str, dict[str, Any]] = {
            "status-kmes-swapped": {
                "source_KME_ID": document["target_KME_ID"], "target_KME_ID": document["source_KME_ID"],
            },
            "status-saes-swapped": {
                "master_SAE_ID": document["slave_SAE_ID"], "slave_SAE_ID": document["master_SAE_ID"],
            },
            "status-text-size": {"key_size": str(document["key_size"])},
            "status-float-count": {"stored_key_count": float(document["stored_key_count"])},
            "status-over-full": {"stored_key_count": document["max_key_count"] + 1},
            "status-size-outside": {"key_size": document["max_key_size"] + 8},
            "status-none-per-request": {"max_key_per_request": 0},
            "status-negative-saes": {"max_SAE_ID_count": -1},
            "status-null-extension": {"status_extension": None},
        }  # fmt: skip
        for name, change in changes.items():
            if self.flawed(name):
                document.update(change)
        if self.flawed("status-member-missing"):
            del document["max_key_count"]
        if self.flawed("status-hands-out"):
            document["keys"] = [{"key_ID": str(uuid.uuid4()), "key": base64.b64encode(os.urandom(32)).decode()}]
        if self.flawed("status-forgets"):
            self.held.clear()
        return document

    def _second(self) -> str:
        return max(self.kme_of.values())

    def _shown(self, caller: str, slave: str) -> int:
        if self.traits.count_shown == "zero":
            return 0
        if self.traits.count_shown == "pending":
            return sum(caller == held.master and slave in held.slaves for held in self.held.values())
        left = self._left(caller, slave)
        return 50_000 if left is None else int(left)

    def _left(self, master: str, slave: str) -> float | None:
        if self.traits.stock is None:
            return None
        grown = self.traits.stock + (time.monotonic() - self.started) * self.traits.growth
        return min(100_000.0, grown) - self.taken.get(self._direction(master, slave), 0.0)

    def _direction(self, master: str, slave: str) -> tuple[str, str]:
        return (master, slave) if self.traits.stock_per_direction else ("", "")

    # -- Get key ---------------------------------------------------------------------------------------------------

    def enc(self, caller: str, slave: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self._admit(caller, slave, request)
        slaves = [slave, *self._additional(request, caller)]
        number, size = self._number(request), self._size(request)
        self._extensions(request)
        self.calls += 1
        if self.flawed("loses-earlier-keys"):
            for held in self.held.values():
                held.slaves.clear()
        number = self._take(caller, slave, number, size)
        if self.flawed("number-ignored") or self.flawed("one-key-more"):
            number = 1 if self.flawed("number-ignored") else number + 1
        entries = [self._new(caller, slaves, self._flawed_size(request, size)) for _ in range(number)]
        self.blocked.discard(caller)
        if self.flawed("twelve-kept"):
            waiting = [name for name, held in self.held.items() if any(held.slaves.values())]
            for name in waiting[:-12]:
                del self.held[name]
        return self._container(entries)

    def _admit(self, caller: str, slave: str, request: Mapping[str, Any]) -> None:
        t = self.traits
        known = {"number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"}
        if t.forbid_unknown and set(request) - known:
            raise Refusal(t.bad_input, "unknown member")
        if slave not in self.kme_of and t.unknown_slave != "served":
            raise Refusal(int(t.unknown_slave), "no such SAE")
        if self.flawed("one-way") and self.kme_of[caller] == self._second():
            raise Refusal(401)
        if self.flawed("refusal-blocks") and caller in self.blocked:
            self.blocked.discard(caller)
            raise Refusal(503, "try again")
        self.blocked.add(caller)

    def _flawed_size(self, request: Mapping[str, Any], size: int) -> int:
        if self.flawed("size-ignored"):
            return self.traits.key_size
        if self.flawed("size-rounded-down"):
            return size // 8 * 8
        return size * 2 if self.flawed("size-doubled-at-default") and "size" not in request else size

    def _additional(self, request: Mapping[str, Any], caller: str) -> list[str]:
        t = self.traits
        listed = request.get("additional_slave_SAE_IDs", [])
        if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
            raise Refusal(t.bad_input, "additional_slave_SAE_IDs shall be an array of strings")
        if len(listed) > t.max_sae_ids and not self.flawed("sae-limit-ignored"):
            if t.max_sae_ids == 0 and t.list_ignored:
                return []
            raise Refusal(t.bad_input, "too many SAEs")
        unknown = [entry for entry in listed if entry not in self.kme_of]
        if unknown and not self.flawed("sae-limit-ignored"):
            raise Refusal(t.bad_input, "no such SAE")
        if "additional_slave_SAE_IDs" in request and not listed and self.flawed("empty-list-refused"):
            raise Refusal(400, "an empty list")
        if self.flawed("list-sticks"):
            self.listed.update(listed)
            return sorted(self.listed)
        return [] if self.flawed("list-dropped") else [entry for entry in listed if entry != caller]

    def _number(self, request: Mapping[str, Any]) -> int:
        number = request.get("number", 2 if self.flawed("default-number-2") else 1)
        if not isinstance(number, int) or isinstance(number, bool):
            raise Refusal(self.traits.bad_input, "number shall be an integer")
        if number < 1 and self.flawed("zero-is-one"):
            return 1
        limit = self.traits.max_key_per_request - self.flawed("limit-off-by-one")
        if number < 1 or (number > limit and not self.flawed("number-unlimited")):
            raise Refusal(self.traits.bad_input, "number out of range")
        return number

    def _size(self, request: Mapping[str, Any]) -> int:
        t = self.traits
        size = request.get("size", t.key_size)
        if not isinstance(size, int) or isinstance(size, bool):
            raise Refusal(t.bad_input, "size shall be an integer")
        if size <= 0 and self.flawed("zero-size-is-default"):
            return t.key_size
        low = 1 if self.flawed("no-smallest-size") else t.min_key_size
        high = 1 << 20 if self.flawed("no-largest-size") else t.max_key_size - 8 * self.flawed("largest-refused")
        if not low <= size <= high:
            raise Refusal(t.bad_input, "size out of range")
        if size % 8 and not t.odd_sizes and not self.flawed("size-rounded-down"):
            raise Refusal(400, "wrong size" if self.flawed("m1-otherwise") else M1)
        if size % t.step and size % 8 == 0 and size not in (low, high, t.key_size):
            raise Refusal(400, f"size shall be a multiple of {t.step}")
        return size

    def _extensions(self, request: Mapping[str, Any]) -> None:
        for name in ("extension_mandatory", "extension_optional"):
            value = request.get(name, [])
            if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
                raise Refusal(self.traits.bad_input, f"{name} shall be an array of objects")
        pairs = [pair for entry in request.get("extension_mandatory", []) for pair in entry.items()]
        looked_at = pairs[:1] if self.flawed("only-first-mandatory") else pairs
        unknown = [name for name, _ in looked_at if name not in self.traits.supported]
        if unknown and not self.flawed("mandatory-ignored"):
            raise Refusal(400, "unsupported" if self.flawed("m2-otherwise") else M2)
        met = all(self.traits.supported.get(name, value) == value for name, value in pairs)
        if not met or (pairs and self.flawed("m3-always")):
            raise Refusal(400, M2 if self.flawed("m3-is-m2") else M3)
        optional = [name for entry in request.get("extension_optional", []) for name in entry]
        strange = any(name not in self.traits.supported for name in optional)
        if strange and self.traits.refuse_optional:
            raise Refusal(400, M4)
        if strange and self.flawed("optional-refused"):
            raise Refusal(400, "what is that?")

    def _take(self, master: str, slave: str, number: int, size: int) -> int:
        each = -(-size // self.traits.key_size)
        cost = number * each
        left = self._left(master, slave)
        if left is not None and left < cost:
            if self.flawed("partial-when-short") and left >= each:
                return self._take(master, slave, int(left // each), size)
            raise Refusal(500 if self.flawed("crash-when-empty") else self.traits.empty_status, "not enough keys")
        direction = self._direction(master, slave)
        self.taken[direction] = self.taken.get(direction, 0.0) + cost
        return number

    def _new(self, master: str, slaves: Sequence[str], size: int) -> tuple[str, bytes]:
        octets = -(-size // 8)
        material = bytearray(os.urandom(octets))
        if self.flawed("same-key-again") and self.last:
            material = bytearray(self.last[:octets].ljust(octets, b"\0"))
        if self.flawed("long-keys-repeat") and octets > 32:
            material = bytearray((bytes(material[:32]) * octets)[:octets])
        if size % 8:
            material[-1] &= 0xFF << (8 - size % 8) & 0xFF
        self.last = bytes(material)
        key_id = self._id()
        if self.flawed("same-id-again") and self.held:
            key_id = next(iter(self.held))
        delivered = bytes(material)
        if self.flawed("other-bytes-at-slave"):
            delivered = os.urandom(octets)
        self.held[self._name(key_id)] = _Held(delivered, master, dict.fromkeys(slaves, 1), self.calls, time.monotonic())
        return key_id, bytes(material)

    def _id(self) -> str:
        style = self.traits.id_style
        if style == "v1":
            return str(uuid.uuid1(random.getrandbits(48)))
        if style == "v7":
            stamp = int(time.time() * 1000)
            value = (stamp << 80) | (0x7 << 76) | (random.getrandbits(12) << 64) | (2 << 62) | random.getrandbits(62)
            return str(uuid.UUID(int=value))
        text = str(uuid.uuid4())
        return text.upper() if style == "upper" else text

    def _name(self, key_id: str) -> str:
        if self.traits.case_sensitive and not self.flawed("twice-by-case"):
            return key_id
        return key_id.lower()

    def _container(self, entries: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
        keys: list[dict[str, Any]] = []
        for key_id, material in entries:
            entry: dict[str, Any] = {"key_ID": key_id, "key": self._text(material)}
            if self.flawed("id-not-uuid"):
                entry["key_ID"] = key_id.replace("-", "")
            if self.traits.extensions:
                entry |= {"key_ID_extension": {}, "key_extension": {"toy_age": 1}}
            if self.flawed("null-extension"):
                entry["key_extension"] = None
            if self.traits.further:
                entry["toy_length"] = len(material)
            keys.append(entry)
        document: dict[str, Any] = {"Keys" if self.flawed("member-Keys") else "keys": keys}
        if self.traits.extensions:
            document["key_container_extension"] = {}
        return document

    def _text(self, material: bytes) -> str:
        if self.flawed("key-hex"):
            return material.hex()
        if self.flawed("key-urlsafe"):
            return base64.urlsafe_b64encode(material).decode()
        text = base64.b64encode(material).decode()
        return text.rstrip("=") if self.flawed("key-unpadded") else text

    # -- Get key with key IDs --------------------------------------------------------------------------------------

    def dec(self, caller: str, master: str, ids: Sequence[str]) -> dict[str, Any]:
        t = self.traits
        limit = t.ids_per_fetch or t.max_key_per_request
        if not ids or len(ids) > limit:
            raise Refusal(t.bad_input, "number of key_IDs out of range")
        names = [self._name(entry) for entry in ids]
        if len(set(names)) < len(names) and t.duplicate_ids == "400":
            raise Refusal(400, "a key_ID stands twice")
        found = [(entry, self.held.get(name)) for entry, name in zip(ids, names, strict=True)]
        if self.flawed("forgets-refused") and any(held is None for _, held in found):
            for name in names:
                self.held.pop(name, None)
        self._who(caller, [held for _, held in found])
        good = [(entry, held) for entry, held in found if held is not None and self._deliverable(caller, master, held)]
        if self.flawed("twice-by-case"):
            good = [(entry, held) for entry, held in found if held is not None and (entry, caller) not in self.spent]
            self.spent |= {(entry, caller) for entry, _ in good}
        if len(good) < len(found) and self.flawed("unknown-is-empty"):
            return {"keys": []}
        if len(good) < len(found) and not (self.flawed("partial-container") and good):
            raise Refusal(self._missing_status(), "not found" if self.flawed("m5-otherwise") else M5)
        for _, held in good:
            if not self.flawed("twice") and not (self.flawed("pair-not-removed") and len(set(names)) < len(names)):
                self._remove(caller, held)
        if t.shuffled:
            random.shuffle(good)
        return self._container([(entry, held.material) for entry, held in good])

    def _missing_status(self) -> int:
        return 404 if self.flawed("unknown-is-404") else 400

    def _who(self, caller: str, held: Sequence[_Held | None]) -> None:
        t = self.traits
        if t.missing_first and any(entry is None for entry in held):
            raise Refusal(400, M5)
        foreign = [entry for entry in held if entry is not None and not self._may(caller, entry)]
        own = [entry for entry in held if entry is not None and self._may(caller, entry)]
        if not foreign or (self.flawed("mixed-served") and own):
            return
        if self.flawed("foreign-consumes"):
            for entry in foreign:
                entry.slaves.clear()
        if self.flawed("foreign-is-400"):
            raise Refusal(400, M5)
        raise Refusal(401)

    def _may(self, caller: str, held: _Held) -> bool:
        if caller == held.master:
            return self.flawed("master-may-fetch")
        return caller in held.slaves or self.flawed("anybody-may-fetch")

    def _deliverable(self, caller: str, master: str, held: _Held) -> bool:
        if held.master != master and not self.traits.any_master:
            return False
        late = 5 if self.traits.uneven_lag and held.material[0] % 3 == 0 else 1
        if time.monotonic() - held.at_s < late * self.traits.slave_lag_s:
            return False
        if self.flawed("anybody-may-fetch") or (self.flawed("master-may-fetch") and caller == held.master):
            return True
        if self.flawed("mixed-served") and caller not in held.slaves:
            return True
        return held.slaves.get(caller, 0) > 0

    def _remove(self, caller: str, held: _Held) -> None:
        if caller in held.slaves:
            held.slaves[caller] = 0
        if self.flawed("first-fetch-removes-all"):
            held.slaves = dict.fromkeys(held.slaves, 0)
        if self.flawed("fetch-renews-others"):
            held.slaves = {name: int(name != caller) for name in held.slaves}
        if self.flawed("container-goes-whole"):
            for other in self.held.values():
                if other.issued == held.issued and caller in other.slaves:
                    other.slaves[caller] = 0
