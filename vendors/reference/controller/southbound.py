"""One node as the controller reaches it: reads it, and makes it as wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from qkd.node.v1.agent_pb2 import SdNode

from .plan import Wanted
from .restconf import Answer, RefusedError, Restconf, UnreachableError
from .store import NotInChargeError
from .tree import NODE, ForeignTreeError, Json, raw_entries, read_node

_PRECONDITION, _NOT_FOUND = 412, 404
_LINK = ("qkd_links/qkd_link", "qkdl_id", "etsi-qkd-sdn-node:qkd_link")
_APP = ("qkd_applications/qkd_app", "app_id", "etsi-qkd-sdn-node:qkd_app")
_MANY = 4  # changes of entries of one list, above which it is written as a whole
_DEFAULTS = {"qkdl_enable": True, "app_priority": 0}
# What the controller says of an entry. Other leaves are the node's own affair and are left alone.
_LEAVES = {
    "qkdl_enable", "qkdl_local", "qkdl_remote", "qkdl_type", "qkdl_applications", "virt_prev_hop", "virt_next_hop",
    "virt_bandwidth", "phys_channel_att", "phys_wavelength", "phys_qkd_role",
    "app_type", "server_app_id", "client_app_id", "app_priority", "app_qos", "backing_qkdl_id", "local_qkdn_id",
    "remote_qkdn_id",
}  # fmt: skip
_QOS_DEFAULTS = {"clients_shared_path_enable": False, "clients_shared_keys_required": False}


@dataclass(slots=True)
class Synced:
    """What came of making a node as wanted.

    Attributes:
        node: as it is afterwards.
        changed: whether anything had to be.
        refused: key of an entry to why the node does not take it.
        foreign: keys of entries that nobody wanted or gave up: they are left alone.
    """

    node: SdNode
    changed: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Edit:
    kind: tuple[str, str, str]
    key: str
    entry: Json | None  # None: delete
    merge: bool = False  # PATCH gives the same as PUT


class Agent:
    """Requests to one agent, one change at a time.

    Args:
        server: its RESTCONF server.
        slots: bounds the requests under way to all agents.
        in_charge: asked before each request that changes something (the fence).
        attempts: how often a change is tried that another client got in the way of.
    """

    def __init__(
        self, server: Restconf, slots: asyncio.Semaphore, in_charge: Callable[[], bool], attempts: int
    ) -> None:
        self.server = server
        self._slots = slots
        self._in_charge = in_charge
        self._attempts = attempts
        self._lock = asyncio.Lock()

    async def read(self) -> SdNode:
        """The node as it is (W1).

        Raises:
            UnreachableError, RefusedError, ForeignTreeError.
        """
        return read_node((await self._ask("GET", NODE)).body)

    async def sync(self, wanted: Callable[[], Wanted]) -> Synced:
        """Reads the node and makes it as wanted.

        Args:
            wanted: asked when it is this call's turn, so that what was decided meanwhile counts.

        Raises:
            UnreachableError, RefusedError (of the reading), ForeignTreeError; NotInChargeError.
        """
        async with self._lock:
            left = self._attempts
            while True:
                left -= 1
                answer = await self._ask("GET", NODE)
                result = Synced(read_node(answer.body))
                want = wanted()
                edits = _edits(answer.body, want, result)
                if not edits:
                    return result
                result.changed = True
                if await self._make(edits, answer.etag, result):
                    result.node = await self.read()
                    return result
                if not left:
                    text = f"another client changed the node at each of {self._attempts} attempts"
                    result.refused = {edit.key: text for edit in edits}
                    return result

    async def _make(self, edits: list[_Edit], etag: str, result: Synced) -> bool:
        """Makes the changes; False: somebody else was quicker, read anew."""
        deleted = any(edit.entry is None for edit in edits)
        rest = await self._make_many(edits)
        if rest is None:
            return False
        edits = rest
        for edit in edits:
            if edit.entry is None:
                await self._delete(edit, result)
        merged = [edit for edit in edits if edit.merge]
        if len(merged) > 1:  # as one change, all or nothing; deletions have changed the entity tag
            try:
                await self._change("PATCH", NODE, _patch(merged), "" if deleted else etag)
            except RefusedError as error:
                if error.status == _PRECONDITION:
                    return False
            else:
                edits = [edit for edit in edits if not edit.merge]
        for edit in edits:
            if edit.entry is not None and not await self._put(edit, result):
                return False
        return True

    async def _make_many(self, edits: list[_Edit]) -> list[_Edit] | None:
        """Writes lists with many changes as a whole; gives the edits that are left. None: see `_make`."""
        for kind in (_APP, _LINK):
            some = [edit for edit in edits if edit.kind == kind and not edit.merge]
            done = await self._replace(kind, some) if len(some) >= _MANY else False
            if done is None:
                return None
            if done:
                edits = [edit for edit in edits if edit not in some]
        return edits

    async def _replace(self, kind: tuple[str, str, str], edits: list[_Edit]) -> bool | None:
        """Many entries in one request: the whole list anew. What is nobody's stays in it as it was read.

        False: the agent does not take it so; None: somebody else was quicker.
        """
        container, name = kind[0].split("/")
        path, member = f"{NODE}/{container}", f"{NODE.partition(':')[0]}:{container}"
        new = {edit.key: edit.entry for edit in edits}
        try:
            answer = await self._ask("GET", f"{path}?content=config")
            entries = answer.body[member][name]
            kept = [new.pop(one[kind[1]], one) for one in entries]
            entries = [one for one in (*kept, *new.values()) if one is not None]
            await self._change("PUT", path, {member: {name: entries} if entries else {}}, answer.etag)
        except RefusedError as error:
            return None if error.status == _PRECONDITION else False
        except (TypeError, KeyError):
            return False
        return True

    async def _put(self, edit: _Edit, result: Synced) -> bool:
        container, _, name = edit.kind
        path = f"{NODE}/{container}={quote(edit.key, safe='')}"
        try:
            etag = (await self._ask("GET", path)).etag
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                result.refused[edit.key] = str(error)
                return True
            etag = None
        try:
            await self._change("PUT", path, {name: [edit.entry]}, etag)
        except RefusedError as error:
            if error.status == _PRECONDITION:
                return False
            result.refused[edit.key] = error.text
        return True

    async def _delete(self, edit: _Edit, result: Synced) -> None:
        try:
            await self._change("DELETE", f"{NODE}/{edit.kind[0]}={quote(edit.key, safe='')}", None, "")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                result.refused[edit.key] = error.text

    async def _change(self, method: str, path: str, body: object, etag: str | None) -> None:
        """A request that changes something; `etag` None: only if it is not there yet."""
        if not self._in_charge():
            raise NotInChargeError("another controller is in charge")
        headers = {"If_None_Match": "*"} if etag is None else {"If_Match": etag}
        await self._ask(method, path, body, **headers)

    async def _ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        async with self._slots:
            return await self.server.request(method, path, body, **headers)


def _edits(body: Json, want: Wanted, result: Synced) -> list[_Edit]:
    links, apps = raw_entries(body)
    edits = [_Edit(_APP, key, None) for key in sorted(want.gone_apps - want.apps.keys()) if key in apps]
    edits += [_Edit(_LINK, key, None) for key in sorted(want.gone_links - want.links.keys()) if key in links]
    for kind, wanted, there in ((_LINK, want.links, links), (_APP, want.apps, apps)):
        for key, entry in wanted.items():
            if key not in there:
                edits.append(_Edit(kind, key, entry, merge=True))
            elif not _same(there[key], entry):
                edits.append(_Edit(kind, key, entry, merge=_grows(there[key], entry)))
    known = want.links.keys() | want.apps.keys() | want.gone_links | want.gone_apps
    result.foreign = sorted((links.keys() | apps.keys()) - known)
    return edits


def _patch(edits: list[_Edit]) -> Json:
    tree: Json = {}
    for edit in edits:
        container, name = edit.kind[0].split("/")
        tree.setdefault(container, {}).setdefault(name, []).append(edit.entry)
    return {NODE: tree}


def _same(there: Json, entry: Json) -> bool:
    return _shape(there) == _shape(entry)


def _shape(entry: Json) -> Json:
    """What counts of an entry: order of leaf-lists and written-out defaults do not."""
    shape: Json = {}
    for name in _LEAVES & entry.keys():
        value = entry[name]
        if name == "app_qos" and isinstance(value, dict):
            value = {leaf: one for leaf, one in value.items() if _QOS_DEFAULTS.get(leaf) != one}
        if isinstance(value, list):
            value = sorted(map(str, value))
        if value not in ([], {}) and _DEFAULTS.get(name) != value:
            shape[name] = value
    return shape


def _grows(there: Json, entry: Json) -> bool:
    """Whether a plain patch, which takes nothing away, gives the entry that is wanted."""
    old, new = _shape(there), _shape(entry)
    if old.keys() - new.keys():
        return False
    return all(set(value) <= set(new[name]) if isinstance(value, (list, dict)) else True for name, value in old.items())


__all__ = ["Agent", "ForeignTreeError", "Synced", "UnreachableError"]
