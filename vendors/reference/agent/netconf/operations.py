"""The operations of NETCONF on the datastore of an agent (RFC 6241, 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from harness.sdk.yang import instance_identifier, trimmed, with_defaults
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.refusals import RefusedError
from vendors.reference.agent.restconf.query import ReadQuery
from vendors.reference.agent.restconf.views import view
from vendors.reference.agent.tree import MISSING, Edit, Operation, find, without_empty

from .datatree import elements, namespaces
from .edits import ConfigReader
from .errors import RpcError, of_refusal
from .filters import filtered, keys_of
from .markup import Element, added, made, name_of, space_of, text_of
from .names import BASE, STREAM, STREAMS, WITH_DEFAULTS
from .parameters import blamed, choice, parameters, require_running, subtree


class Caller(Protocol):
    """The session that asks."""

    @property
    def number(self) -> int:
        """Its session-id."""
        ...


class Operations:
    """What any session may ask, but for what concerns the session itself.

    Args:
        store: the datastore.
        kill: ends the session of a number; False = there is none.

    Attributes:
        notifications: their schemas by qualified name.
        spaces: namespaces by name of module.
        keys: of the lists of the model.
    """

    def __init__(self, store: Datastore, kill: Callable[[int], bool]) -> None:
        self._store = store
        self._kill = kill
        self.notifications = store.model.notifications
        self.spaces = namespaces(store.model)
        self.keys = keys_of(store.model.schema, self.spaces)
        self._by_name: Mapping[str, Callable[[Element, Caller], Awaitable[Element | None]]] = {
            "get": self._get,
            "get-config": self._get_config,
            "edit-config": self._edit_config,
            "copy-config": self._copy_config,
            "validate": self._validate,
            "lock": self._lock,
            "unlock": self._unlock,
            "kill-session": self._kill_session,
        }

    async def __call__(self, operation: Element, caller: Caller) -> Element | None:
        """Carries one out; gives its data, None = ok.

        Raises:
            RpcError: it is not done.
        """
        run = self._by_name.get(name_of(operation)) if space_of(operation) == BASE else None
        if run is None:
            raise RpcError("operation-not-supported", f"there is no operation {name_of(operation)} here")
        try:
            return await run(operation, caller)
        except RefusedError as refused:
            raise of_refusal(refused) from None

    # -- reading --------------------------------------------------------------------------------------

    async def _get(self, operation: Element, _caller: Caller) -> Element:
        given = parameters(operation, BASE, {"filter": "", "with-defaults": WITH_DEFAULTS})
        streams = made(STREAMS, "netconf")
        stream = added(added(streams, "streams"), "stream")
        added(stream, "name", STREAM)
        added(stream, "description", "all notifications of the node, from now on")
        added(stream, "replaySupport", "false")
        return self._data(given, "all", [streams])

    async def _get_config(self, operation: Element, _caller: Caller) -> Element:
        given = parameters(operation, BASE, {"source!": "", "filter": "", "with-defaults": WITH_DEFAULTS})
        require_running(given["source"])
        return self._data(given, "config", [])

    def _data(self, given: Mapping[str, Element], content: str, more: list[Element]) -> Element:
        chosen = subtree(given)
        mode = choice(given, "with-defaults", ("explicit", "report-all", "trim"))
        tree = self._store.read()
        schema = {name: self._store.model.schema[name] for name in tree}
        if mode != "explicit":
            tree = (trimmed if mode == "trim" else with_defaults)(schema, tree)
        tree = without_empty(schema, view(None, schema, tree, ReadQuery(content=content)))
        data = [*elements(schema, tree, self.spaces), *more]
        root = made(BASE, "data")
        root.extend(data if chosen is None else filtered(chosen, data, self.keys))
        return root

    # -- writing --------------------------------------------------------------------------------------

    async def _edit_config(self, operation: Element, caller: Caller) -> None:
        names = ("target!", "default-operation", "test-option", "error-option", "config!")
        given = parameters(operation, BASE, dict.fromkeys(names, ""))
        require_running(given["target"])
        default = choice(given, "default-operation", ("merge", "replace", "none"))
        test = choice(given, "test-option", ("test-then-set", "set", "test-only"))
        on_error = choice(given, "error-option", ("stop-on-error", "rollback-on-error", "continue-on-error"))
        if on_error == "continue-on-error":
            raise RpcError(
                "operation-not-supported", "an edit is done as a whole or not at all; leave error-option out"
            )
        reader = ConfigReader(self._store.model)
        reader.read(given["config"], None if default == "none" else Operation(default))

        def check() -> None:
            tree = self._store.read() if reader.required else {}
            for steps in reader.required:
                if find(tree, steps) is MISSING:
                    raise RefusedError(
                        "data-missing", f"{steps[-1].node.name} is not there", instance_identifier(steps)
                    )

        if test == "test-only":
            await self._store.judge(reader.edits, check)
        else:
            await self._store.edit(reader.edits, check, by=caller)

    async def _copy_config(self, operation: Element, caller: Caller) -> None:
        given = parameters(operation, BASE, {"target!": "", "source!": "", "with-defaults": WITH_DEFAULTS})
        require_running(given["target"])
        await self._store.edit(self._whole(given["source"]), by=caller)

    async def _validate(self, operation: Element, _caller: Caller) -> None:
        source = parameters(operation, BASE, {"source!": ""})["source"]
        await self._store.judge(self._whole(source))

    def _whole(self, source: Element) -> list[Edit]:
        """What makes the datastore what a source holds."""
        inline = [child for child in source if (space_of(child), name_of(child)) == (BASE, "config")]
        if not inline or len(source) > 1:
            require_running(source)
            return []
        reader = ConfigReader(self._store.model)
        reader.read(inline[0], Operation.REPLACE)
        return reader.edits

    # -- sessions -------------------------------------------------------------------------------------

    async def _lock(self, operation: Element, caller: Caller) -> None:
        require_running(parameters(operation, BASE, {"target!": ""})["target"])
        if not await self._store.lock(caller):
            number = getattr(self._store.holder, "number", 0)
            raise RpcError("lock-denied", f"session {number} holds the lock", info={"session-id": str(number)})

    async def _unlock(self, operation: Element, caller: Caller) -> None:
        require_running(parameters(operation, BASE, {"target!": ""})["target"])
        if not self._store.unlock(caller):
            raise RpcError("operation-failed", "this session does not hold the lock")

    async def _kill_session(self, operation: Element, caller: Caller) -> None:
        text = text_of(parameters(operation, BASE, {"session-id!": ""})["session-id"]).strip()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
        if not number:
            raise blamed("bad-element", "session-id", "session-id is a number, from 1")
        if number == caller.number:
            raise RpcError("invalid-value", "that is this session; close-session ends it")
        if not self._kill(number):
            raise RpcError("invalid-value", f"there is no session {number}")
