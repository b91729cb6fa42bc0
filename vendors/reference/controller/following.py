"""Follows the nodes: their event streams, and reading them now and then; and sees to what has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, cast

from qkd.node.v1.agent_pb2 import LINK_STATUS_ACTIVE, LINK_STATUS_OFF, LINK_STATUS_UNSPECIFIED

from .admission import Admissions
from .engine import Engine
from .network import NodeView
from .pauses import growing
from .physical import PhysicalLinks
from .restconf import RefusedError, UnreachableError
from .store import NotInChargeError
from .tree import MODULE, Json, read_application, read_performance

_log = logging.getLogger(__name__)
_WELL = (LINK_STATUS_ACTIVE, LINK_STATUS_UNSPECIFIED)
_Handler = Callable[[NodeView, Json], Coroutine[Any, Any, None]]


class Following:
    """One task a node, and one that sees to what they find.

    Args:
        engine, admissions, physical: what is done about it.
    """

    def __init__(self, engine: Engine, admissions: Admissions, physical: PhysicalLinks) -> None:
        self._engine = engine
        self._network = engine.network
        self._settings = engine.settings
        self._admissions = admissions
        self._physical = physical
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._care: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._handlers: dict[str, _Handler] = {
            "sdqkdn_application_new": self._application_new,
            "sdqkdn_application_qos_update": self._application_changed,
            "sdqkdn_application_disconnected": self._application_gone,
            "sdqkdn_interface_new": self._interface_new,
            "sdqkdn_interface_down": self._interface_down,
            "sdqkdn_interface_out": self._interface_down,
            "sdqkdn_link_down": self._link_down,
            "sdqkdn_link_perf_update": self._performance,
            "sdqkdn_link_overloaded": self._overloaded,
            "alarm": self._happening,
            "event": self._happening,
        }

    def follow(self) -> None:
        """Begins with nodes that are new, ends with those that are gone."""
        if self._care is None:
            self._care = asyncio.create_task(self._guarded(self._take_care))
            self._wake.set()
        for url, view in self._network.views.items():
            if url not in self._tasks:
                self._tasks[url] = asyncio.create_task(self._guarded(partial(self._node, view)))
        for url in self._tasks.keys() - self._network.views.keys():
            self._tasks.pop(url).cancel()

    async def stop(self) -> None:
        """Ends all tasks."""
        tasks = [*self._tasks.values(), *([self._care] if self._care else [])]
        self._tasks, self._care = {}, None
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(t for t in tasks if t is not asyncio.current_task()), return_exceptions=True)

    def wake(self) -> None:
        """Something has changed: what is down, waits or is half made is looked at."""
        self._wake.set()

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except NotInChargeError:
                self._step_down()
                return
            except Exception:  # noqa: BLE001 - the edge of a task: it may not end for one answer that nobody thought of
                _log.exception("a task of the controller failed; it begins again")
                await asyncio.sleep(self._settings.longest_pause_s)

    def _step_down(self) -> None:
        if self._engine.in_charge:
            _log.warning("another controller has taken over: in reserve from now on")
        self._engine.in_charge = False
        for task in (*self._tasks.values(), self._care):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._tasks, self._care = {}, None

    # -- what has changed -------------------------------------------------------------------------------

    async def _take_care(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll_s):  # wait_for of Python 3.11 may lose a cancellation
                    await self._wake.wait()
            self._wake.clear()
            if not self._engine.store.still_in_charge():
                raise NotInChargeError("another controller is in charge")
            await self._physical.go_on()
            await self._admissions.recover()
            await self._admissions.relieve()
            await self._admissions.retry()

    # -- one node ---------------------------------------------------------------------------------------

    async def _node(self, view: NodeView) -> None:
        pauses = growing(self._settings.first_pause_s, self._settings.longest_pause_s)
        while True:
            if await self._synced(view):
                pauses = growing(self._settings.first_pause_s, self._settings.longest_pause_s)
                try:
                    await self._streamed(view)
                except RefusedError:  # it has no stream: read it more often
                    await asyncio.sleep(self._settings.poll_without_stream_s)
                except UnreachableError as error:
                    _log.info("node %s: %s", view.record.qkdn_id, error)
            else:
                await asyncio.sleep(next(pauses))

    async def _synced(self, view: NodeView) -> bool:
        before = view.online, view.node
        done = await self._engine.sync(view)
        if done is not None:
            self._engine.conclude({view.record.qkdn_id: done})
        if (view.online, view.node) != before:
            self._wake.set()
        return done is not None

    async def _streamed(self, view: NodeView) -> None:
        events = cast(AsyncGenerator[Json, None], self._engine.agent(view.record.url).server.events())
        coming: asyncio.Task[Json] | None = None
        try:
            while True:
                coming = coming or asyncio.create_task(anext(events))
                await asyncio.wait({coming}, timeout=self._settings.poll_s)
                if not coming.done():
                    if not await self._synced(view):
                        return
                    continue
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                if event:
                    await self._happened(view, event)
                elif not await self._synced(view):  # opened: what happened before it was is read
                    return
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await events.aclose()

    async def _happened(self, view: NodeView, event: Json) -> None:
        for name, content in event.items():
            module, _, own = name.partition(":")
            handler = self._handlers.get(own) if module == MODULE else None
            if handler is not None and isinstance(content, dict):
                await handler(view, content)

    # -- notifications ------------------------------------------------------------------------------------

    async def _application_new(self, view: NodeView, content: Json) -> None:
        told = read_application(_part(content, "qkd_application"))
        if told.server_app_id and told.client_app_ids:
            await self._admissions.told(told.local_qkdn_id or view.record.qkdn_id, told)

    async def _application_changed(self, view: NodeView, content: Json) -> None:
        told = read_application(_part(content, "qkd_application"))
        await self._admissions.changed(told.app_id, told)

    async def _application_gone(self, view: NodeView, content: Json) -> None:
        told = read_application(_part(content, "qkd_application"))
        await self._admissions.leave(told.app_id, f"left, says node {view.record.qkdn_id}")

    async def _interface_new(self, view: NodeView, content: Json) -> None:
        number = _part(content, "qkd_interface").get("qkdi_id")
        self._engine.note("INTERFACE_NEW", view.record.qkdn_id, f"has interface {number}")
        await self._synced(view)

    async def _interface_down(self, view: NodeView, content: Json) -> None:
        part = _part(content, "qkd_interface")
        node, number = view.record.qkdn_id, part.get("qkdi_id")
        reason = f"interface {number} of node {node}: {part.get('reason', 'taken out')}"
        self._engine.note("INTERFACE_DOWN", node, reason)
        for link in self._engine.plan.physical.values():
            if (node, number) in ((link.one, link.one_interface), (link.other, link.other_interface)):
                self._is_down(view, link.qkdl_id, reason)

    async def _link_down(self, view: NodeView, content: Json) -> None:
        part = _part(content, "qkd_link")
        qkdl_id = str(part.get("qkdl_id", ""))
        if qkdl_id in self._engine.plan.physical:
            self._is_down(view, qkdl_id, f"node {view.record.qkdn_id}: {part.get('reason', 'gives no reason')}")

    def _is_down(self, view: NodeView, qkdl_id: str, reason: str) -> None:
        if qkdl_id in view.links:
            view.links[qkdl_id].qkdl_status = LINK_STATUS_OFF  # until the node is read again
        self._engine.link_down(qkdl_id, reason)
        self._wake.set()

    async def _performance(self, view: NodeView, content: Json) -> None:
        part = _part(content, "qkd_link")
        link = view.links.get(str(part.get("qkdl_id", "")))
        if link is not None:
            link.qkdl_performance.MergeFrom(_without_old(link, read_performance(_part(part, "performance"))))
            if link.qkdl_id in self._network.down or link.qkdl_status not in _WELL:
                await self._synced(view)  # it may be back: its status says so
            self._wake.set()

    async def _overloaded(self, view: NodeView, content: Json) -> None:
        await self._performance(view, content)
        qkdl_id = str(_part(content, "qkd_link").get("qkdl_id", ""))
        self._engine.note("LINK_OVERLOADED", qkdl_id, f"says node {view.record.qkdn_id}")

    async def _happening(self, view: NodeView, content: Json) -> None:
        for what, key in (("link", "qkdl_id"), ("interface", "qkdi_id"), ("application", "app_id")):
            part = _part(content, what)
            if not part:
                continue
            text = f"node {view.record.qkdn_id}: {part.get('message', '')} ({part.get('severity', '')})"
            self._engine.note("ALARM", str(part.get(key, "")), text)
            if "qkdl_status" in part or "qkdi_status" in part:
                await self._synced(view)


def _part(content: Json, name: str) -> Json:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _without_old(link: Any, new: Any) -> Any:
    """Makes room: figures of the same kind are not added to the old ones."""
    if new.phys_perf:
        del link.qkdl_performance.phys_perf[:]
    return new
