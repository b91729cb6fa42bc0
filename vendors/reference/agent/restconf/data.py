"""The datastore and data resources (RFC 8040, 3.4, 3.5, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from harness.sdk.yang import NODE, ResourceError, SchemaNode, Step, instance_identifier, resource_id
from harness.sdk.yang import trimmed as without_defaults
from harness.sdk.yang import with_defaults as filled
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.refusals import RefusedError, absent
from vendors.reference.agent.tree import MISSING, Edit, Operation, find

from .bodies import DATA_TYPE, answer, json_of, require_accept
from .conditions import is_known, put_stamp, require_unchanged
from .dialect import Dialect, keys_of, qualified
from .library import library, monitoring
from .query import ReadQuery, no_query, read_query
from .views import view

PATH = "/restconf/data"
_READ = "GET, HEAD, OPTIONS"


class DataResources:
    """Everything at and below /restconf/data.

    Args:
        store: the datastore.
        dialect: how strictly requests are read.
    """

    def __init__(self, store: Datastore, dialect: Dialect) -> None:
        self._store = store
        self._dialect = dialect

    async def handle(self, request: web.Request, path: str) -> web.Response:
        """Answers a request for `path`, percent-encoded, below /restconf/data.

        Raises:
            RefusedError: whatever the reason.
        """
        steps = self._steps(path)
        allowed = self._allowed(steps)
        if request.method not in allowed.split(", "):
            text = f"{request.method} is not for this resource; {allowed} are"
            raise RefusedError("operation-not-supported", text, instance_identifier(steps), allow=allowed)
        if request.method == "OPTIONS":
            headers = {"Allow": allowed}
            if "PATCH" in allowed:
                headers["Accept-Patch"] = DATA_TYPE
            return web.Response(headers=headers)
        if request.method in ("GET", "HEAD"):
            return self._read(request, steps)
        no_query(request.rel_url.raw_query_string)
        if request.method == "POST":
            return await self._create(request, steps)
        if request.method == "DELETE":
            await self._store.edit([Edit(Operation.DELETE, steps)], self._unchanged(request, steps))
            return web.Response(status=204)
        return await self._change(request, steps)

    def _steps(self, path: str) -> tuple[Step, ...]:
        path = self._dialect.path(path)
        if path == "/":
            raise absent("there is nothing after the slash")
        try:
            return self._store.model.resource(path)
        except ResourceError as error:
            if error.unknown:
                raise absent(str(error)) from None
            raise RefusedError("invalid-value", str(error), kind="protocol") from None

    def _allowed(self, steps: tuple[Step, ...]) -> str:
        if not steps:
            return f"{_READ}, POST, PUT, PATCH"
        names, last = [step.node.name for step in steps], steps[-1]
        foreign = steps[0].node.member != NODE or names[1:2] == ["qkd_interfaces"]
        if foreign or last.whole or not all(step.node.config for step in steps):
            return _READ
        if last.node.kind == "leaf-list":
            return f"{_READ}, PUT, DELETE"
        more = "POST, PUT, PATCH" if last.node.children else "PUT, PATCH"
        is_key = len(steps) > 1 and last.node.name in steps[-2].node.keys
        fixed = len(steps) == 1 or names[1:] == ["qkdn_id"] or is_key
        return f"{_READ}, {more}" + ("" if fixed else ", DELETE")

    # -- reading --------------------------------------------------------------------------------------

    def _read(self, request: web.Request, steps: tuple[Step, ...]) -> web.Response:
        require_accept(request, self._dialect.media_types)
        node = steps[-1].node if steps else None
        schema = node.children if node else self._store.model.schema
        query = read_query(request.rel_url.raw_query_string, schema)
        tree = self._tree(request, steps, query)
        value = find(tree, steps)
        if value is not MISSING and steps and steps[-1].whole:
            shown = [view(node, schema, one, query) for one in value]
            value = [one for one in shown if one is not None] or None
        elif value is not MISSING:
            value = view(node, schema, value, query)
        if value is MISSING or value is None:
            raise absent("there is no such resource now", instance_identifier(steps))
        response = answer(self._dialect.out(node, self._body(steps, node, value, tree)))
        if node is None or (node.config and steps[0].node.member == NODE and not steps[-1].whole):
            stamp = self._store.stamp(steps)
            if query.content == "config" and is_known(request, stamp):
                response = web.Response(status=304)
            put_stamp(response, stamp)
        return response

    def _tree(self, request: web.Request, steps: tuple[Step, ...], query: ReadQuery) -> dict[str, Any]:
        model, origin = self._store.model, f"https://{request.host}"
        tree = {**self._store.read(), **library(model, origin), **monitoring(origin)}
        if steps:
            name = steps[0].node.member
            tree = {name: tree[name]} if name in tree else {}
        schema = {name: model.schema[name] for name in tree}
        if query.with_defaults == "trim":
            return without_defaults(schema, tree)
        if query.with_defaults != "explicit":
            return filled(schema, tree, tagged=query.with_defaults == "report-all-tagged")
        return tree

    def _body(
        self, steps: tuple[Step, ...], node: SchemaNode | None, value: Any, tree: dict[str, Any]
    ) -> dict[str, Any]:
        if node is None:
            return {"ietf-restconf:data": value}
        body = {qualified(node): [value] if node.many and not steps[-1].whole else value}
        if node.kind == "leaf":
            note = find(tree, steps[:-1]).get(f"@{node.member}")
            if note is not None:
                body[f"@{qualified(node)}"] = note
        return body

    # -- writing --------------------------------------------------------------------------------------

    async def _create(self, request: web.Request, parent: tuple[Step, ...]) -> web.Response:
        body = await json_of(request, self._dialect.media_types)
        schema = parent[-1].node.children if parent else self._store.model.schema
        child, value = self._dialect.child_for(parent, schema, body)
        if find(self._store.read(), parent) is MISSING:
            raise absent("the target is not there", instance_identifier(parent))
        steps = (*parent, child)
        await self._store.edit([Edit(Operation.CREATE, steps, value)], self._unchanged(request, parent))
        location = f"https://{request.host}{PATH}{resource_id(steps)}"
        response = web.Response(status=201, headers={"Location": location})
        put_stamp(response, self._store.stamp(steps))
        return response

    async def _change(self, request: web.Request, steps: tuple[Step, ...]) -> web.Response:
        body = await json_of(request, self._dialect.media_types)
        value = self._dialect.value_for(steps, body)
        operation = Operation.REPLACE if request.method == "PUT" else Operation.MERGE
        if steps and steps[-1].node.kind == "list":
            keys_of(steps[-1].node, value)
        unchanged = self._unchanged(request, steps)

        def check() -> None:
            unchanged()
            if operation is Operation.MERGE and find(self._store.read(), steps) is MISSING:
                raise absent("there is nothing to be changed; PUT makes it", instance_identifier(steps))

        made = await self._store.edit([Edit(operation, steps, value)], check)
        created = made[0] and operation is Operation.REPLACE and steps[-1].node.kind != "container"
        response = web.Response(status=201 if created else 204)
        if created:
            response.headers["Location"] = f"https://{request.host}{PATH}{resource_id(steps)}"
        put_stamp(response, self._store.stamp(steps))
        return response

    def _unchanged(self, request: web.Request, steps: tuple[Step, ...]) -> Callable[[], None]:
        def check() -> None:
            there = find(self._store.read(), steps) is not MISSING
            require_unchanged(request, self._store.stamp(steps) if there else None)

        return check
