"""A controller's desk at one agent: what it reads, writes and hears, by RESTCONF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from conformance.etsi015.words import MODULE, NODE, Json
from harness.wire.restconf import DATA, Event, EventStream, RestconfAnswer, RestconfClient
from harness.wire.restconf.client import entry

NODE_PATH: Final = f"{DATA}/{NODE}"
STATE_PATH: Final = f"{DATA}/ietf-restconf-monitoring:restconf-state"
LISTS: Final = (("qkd_links", "qkd_link", "qkdl_id"), ("qkd_applications", "qkd_app", "app_id"))


class Desk:
    """One controller at one agent.

    Args:
        client: with the certificate of a controller.

    Attributes:
        client: for what only RESTCONF can say.
        heard: every notification that any stream of this desk brought.
    """

    def __init__(self, client: RestconfClient) -> None:
        self.client = client
        self.heard: list[Event] = []

    # -- reading --------------------------------------------------------------------------------------

    def read(self) -> tuple[Json, RestconfAnswer]:
        """qkd_node as it is served, {} when it is not; and the answer."""
        answer = self.client.get(NODE_PATH)
        document = answer.document if isinstance(answer.document, dict) else {}
        held = document.get(NODE, document.get("qkd_node"))  # without its module it is wrong, and judged elsewhere
        return (held if isinstance(held, dict) else {}), answer

    def node(self) -> Json:
        """qkd_node."""
        return self.read()[0]

    def entries(self, container: str, name: str) -> list[Json]:
        """The entries of a list of qkd_node."""
        held = self.node().get(container, {})
        found = held.get(name, []) if isinstance(held, dict) else []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def link(self, link_id: str) -> Json:
        """An entry of qkd_link; {} = there is none."""
        return _keyed(self.entries("qkd_links", "qkd_link"), "qkdl_id", link_id)

    def app(self, app_id: str) -> Json:
        """An entry of qkd_app."""
        return _keyed(self.entries("qkd_applications", "qkd_app"), "app_id", app_id)

    def interface(self, number: int) -> Json:
        """An entry of qkd_interface."""
        return _keyed(self.entries("qkd_interfaces", "qkd_interface"), "qkdi_id", number)

    # -- writing --------------------------------------------------------------------------------------

    def put_link(self, link: Json, key: str = "") -> RestconfAnswer:
        """Makes a link, or replaces it; `key` = that of the path where it is another than the entry's."""
        path = entry("qkd_links", "qkd_link", key or link["qkdl_id"])
        return self.client.put(path, {f"{MODULE}:qkd_link": [link]})

    def put_app(self, app: Json) -> RestconfAnswer:
        """Makes an application, or replaces it."""
        return self.client.put(entry("qkd_applications", "qkd_app", app["app_id"]), {f"{MODULE}:qkd_app": [app]})

    def delete_link(self, link_id: str) -> RestconfAnswer:
        """Takes a link away."""
        return self.client.delete(entry("qkd_links", "qkd_link", link_id))

    def delete_app(self, app_id: str) -> RestconfAnswer:
        """Takes an application away."""
        return self.client.delete(entry("qkd_applications", "qkd_app", app_id))

    def clear(self) -> None:
        """Takes away all links and applications, as far as the agent lets it."""
        for container, name, key in LISTS[::-1]:
            for one in self.entries(container, name):
                if isinstance(one.get(key), str):
                    self.client.delete(entry(container, name, one[key]))

    # -- hearing --------------------------------------------------------------------------------------

    def stream_location(self) -> str:
        """Where notifications come in JSON; "" = no stream is offered (RFC 8040, 9.3)."""
        document = self.client.get(STATE_PATH).document
        state: Any = document.get("ietf-restconf-monitoring:restconf-state") if isinstance(document, dict) else None
        try:
            for stream in state["streams"]["stream"]:
                for access in stream["access"]:
                    if access["encoding"] == "json":
                        return str(access["location"])
        except (TypeError, KeyError):
            return ""
        return ""

    @contextmanager
    def listening(self) -> Iterator[EventStream]:
        """The stream of notifications, from now on.

        Raises:
            OSError: it does not open.
        """
        stream = self.client.stream(self.stream_location())
        try:
            yield stream
        finally:
            stream.close()
            self.heard += stream.events


def named(name: str, fits: Callable[[Any], bool] = lambda _: True) -> Callable[[Event], bool]:
    """Whether an event is this notification of the model, with a content that fits."""

    def judge(event: Event) -> bool:
        try:
            return event.name == f"{MODULE}:{name}" and bool(fits(event.content))
        except (KeyError, TypeError, AttributeError):
            return False

    return judge


def _keyed(entries: list[Json], key: str, value: object) -> Json:
    return next((one for one in entries if one.get(key) == value), {})
