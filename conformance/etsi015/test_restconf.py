"""RESTCONF (RFC 8040), which an agent that offers it has to keep; 015 itself asks for no protocol."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from conformance.etsi015.desk import NODE_PATH, STATE_PATH, Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.words import MODULE, NODE, application, fresh, phys
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench
from harness.wire.restconf import DATA, YANG_JSON, RestconfAnswer
from harness.wire.restconf.client import entry

_APPS: Final = f"{NODE_PATH}/qkd_applications"
_TYPES: Final = frozenset({"transport", "rpc", "protocol", "application"})
_NAMESPACES: Final = {
    MODULE: "urn:etsi:qkd:yang:etsi-qkd-node",
    "etsi-qkd-node-types": "urn:etsi:qkd:yang:etsi-qkd-node-types",
}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@case("015.restconf.root", "ETSI015-RC-ROOT-1", "ETSI015-RC-API-1")
def test_the_root_is_found(desk: Desk, check: Check) -> None:
    """host-meta has exactly one link relation "restconf", and what it leads to is the API resource."""
    answer, found = desk.client.discover_root()
    check("ETSI015-RC-ROOT-1", len(found) == 1, expected="one link", got=f"{answer.describe()}: {len(found)} links")
    api = desk.client.get("")
    held = api.document.get("ietf-restconf:restconf") if isinstance(api.document, dict) else None
    version = held.get("yang-library-version") if isinstance(held, dict) else None
    fits = isinstance(held, dict) and "data" in held and _DATE.fullmatch(str(version)) is not None
    check("ETSI015-RC-API-1", fits, expected="data, operations, yang-library-version", got=api)


@case("015.restconf.library", "ETSI015-NAME-1", "ETSI015-NAME-2")
def test_the_library_names_the_model(desk: Desk, check: Check) -> None:
    """The YANG library lists both modules of 015 under their namespaces, revision 2022-01-30."""
    documents = [desk.client.get(f"{DATA}/ietf-yang-library:{name}") for name in ("yang-library", "modules-state")]
    listed = {one["name"]: one for answer in documents for one in _modules(answer.document)}
    for module, namespace in _NAMESPACES.items():
        one = listed.get(module, {})
        got = f"{module}: {one.get('namespace', 'not listed')}"
        check("ETSI015-NAME-1", one.get("namespace") == namespace, expected=namespace, got=got)
    revision = str(listed.get(MODULE, {}).get("revision"))
    check("ETSI015-NAME-2", revision == "2022-01-30", expected="2022-01-30 (V2.1.1)", got=revision)


def _modules(value: Any) -> list[dict[str, Any]]:
    """All objects with a name and a namespace, wherever they stand."""
    if isinstance(value, list):
        return [one for inner in value for one in _modules(inner)]
    if not isinstance(value, dict):
        return []
    own = [value] if {"name", "namespace"} <= set(value) else []
    return own + [one for inner in value.values() for one in _modules(inner)]


@case("015.restconf.reading", "ETSI015-RC-MEDIA-1", "ETSI015-RC-GET-1", "ETSI015-RC-HEAD-1", "ETSI015-RC-OPTIONS-1")
def test_reading(desk: Desk, check: Check) -> None:
    """GET gives yang-data+json; what is not there is 404; HEAD gives no body; OPTIONS names the methods."""
    answer = desk.client.get(NODE_PATH)
    check("ETSI015-RC-MEDIA-1", answer.media_type == YANG_JSON, expected=YANG_JSON, got=answer.media_type or "none")
    check("ETSI015-RC-MEDIA-1", not answer.problems, expected="sound JSON", got="; ".join(answer.problems) or "sound")
    absent = desk.client.get(entry("qkd_links", "qkd_link", fresh()))
    check("ETSI015-RC-GET-1", absent.status == 404, expected="404", got=absent)
    head = desk.client.head(NODE_PATH)
    check("ETSI015-RC-HEAD-1", head.status == 200 and not head.body, expected="200, no body", got=head)
    options = desk.client.options(NODE_PATH)
    allowed = options.headers.get("allow", "")
    fits = options.ok and {"GET", "HEAD", "PUT"} <= {one.strip() for one in allowed.split(",")}
    check("ETSI015-RC-OPTIONS-1", fits, expected="Allow with GET, HEAD, PUT", got=f"{options.status} {allowed}")


@case("015.restconf.errors", "ETSI015-RC-ERR-1", "ETSI015-RC-BODY-1", "ETSI015-RC-METHOD-1", needs=("node",))
def test_errors(bench: AgentBench, desk: Desk, check: Check) -> None:
    """Errors come in an errors body with type and tag; a broken body is 400, another method 405, another type 415."""
    path = entry("qkd_applications", "qkd_app", fresh())
    heads = {"Content-Type": YANG_JSON}
    broken = desk.client.send("PUT", desk.client.root + path, body=b'{"etsi', headers=heads)
    check("ETSI015-RC-BODY-1", broken.status == 400, expected="400", got=broken)
    foreign = desk.client.send("PUT", desk.client.root + path, body=b"<app/>", headers={"Content-Type": "text/html"})
    check("ETSI015-RC-BODY-1", foreign.status == 415, expected="415", got=foreign)
    method = desk.client.send("DELETE", desk.client.root + DATA)
    check("ETSI015-RC-METHOD-1", method.status == 405 and "allow" in method.headers, expected="405, Allow", got=method)
    wrong = desk.put_app(application(bench, bench.far["b"], app_priority="high"))
    for answer in (broken, wrong, desk.client.get(f"{NODE_PATH}/no_such_node")):
        error = answer.error
        fits = error is not None and error.kind in _TYPES and bool(error.tag) and answer.media_type == YANG_JSON
        check("ETSI015-RC-ERR-1", fits, expected="ietf-restconf:errors, error-type, error-tag", got=answer)


@case(
    "015.restconf.post", "ETSI015-RC-POST-1", "ETSI015-RC-POST-2", "ETSI015-RC-PUT-1", "ETSI015-RC-DELETE-1",
    needs=("node",),
)  # fmt: skip
def test_creating_and_deleting(bench: AgentBench, desk: Desk, check: Check) -> None:
    """POST: 201 and Location, 409 data-exists again. PUT: 201, then 204. DELETE: 204, then 404."""
    app = application(bench, bench.far["b"])
    posted = desk.client.post(_APPS, {f"{MODULE}:qkd_app": [app]})
    place = posted.headers.get("location", "")
    fits = posted.status == 201 and app["app_id"] in place
    check("ETSI015-RC-POST-1", fits, expected="201, Location of the entry", got=f"{posted.describe()} {place[-60:]}")
    check.require(bool(desk.app(app["app_id"])), "the application is not there after POST")
    again = desk.client.post(_APPS, {f"{MODULE}:qkd_app": [app]})
    fits = again.status == 409 and again.tag == "data-exists"
    check("ETSI015-RC-POST-2", fits, expected="409 data-exists", got=again)
    second = application(bench, bench.far["b"], server_app_id="sae:app-a2")
    made, replaced = desk.put_app(second), desk.put_app(second | {"app_priority": 9})
    check("ETSI015-RC-PUT-1", made.status == 201, expected="201", got=made)
    check("ETSI015-RC-PUT-1", replaced.status == 204, expected="204", got=replaced)
    kept = desk.app(second["app_id"]).get("app_priority")
    check("ETSI015-RC-PUT-1", kept == 9, expected="app_priority 9", got=f"app_priority {kept}")
    gone, none = desk.delete_app(app["app_id"]), desk.delete_app(app["app_id"])
    check("ETSI015-RC-DELETE-1", gone.status == 204, expected="204", got=gone)
    check("ETSI015-RC-DELETE-1", none.status == 404, expected="404", got=none)
    there = bool(desk.app(second["app_id"]))
    check("ETSI015-RC-DELETE-1", there, expected="the other entry stays", got="it is there" if there else "it is gone")


@case("015.restconf.replace", "ETSI015-RC-PUT-2", "ETSI015-RC-PATCH-1", needs=("node",))
def test_put_replaces_and_patch_merges(bench: AgentBench, desk: Desk, check: Check) -> None:
    """PUT leaves nothing of what was there before, PATCH leaves what it does not name."""
    app = application(bench, bench.far["b"])
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    path = entry("qkd_applications", "qkd_app", app["app_id"])
    patch = {f"{MODULE}:qkd_app": [{"app_id": app["app_id"], "app_priority": 8}]}
    answer = desk.client.patch(path, patch)
    held = desk.app(app["app_id"])
    fits = answer.ok and held.get("app_priority") == 8 and held.get("app_qos") == app["app_qos"]
    check("ETSI015-RC-PATCH-1", fits, expected="app_priority 8, the rest as it was", got=f"{answer.describe()}: {held}")
    bare = {name: value for name, value in app.items() if name not in ("app_qos", "app_priority")}
    desk.put_app(bare)
    held = desk.app(app["app_id"])
    left = [name for name in ("app_qos", "app_priority") if held.get(name, 0) not in (0, {})]
    check(
        "ETSI015-RC-PUT-2", not left, expected="what is not written is gone", got=f"left: {', '.join(left) or 'none'}"
    )


@case("015.restconf.tags", "ETSI015-RC-ETAG-1", "ETSI015-RC-ETAG-2", "ETSI015-RC-ETAG-3", needs=("node",))
def test_two_controllers_do_not_overwrite_each_other(bench: AgentBench, desk: Desk, check: Check) -> None:
    """The datastore has an ETag that changes with the configuration; If-Match with an old one is 412."""
    first = desk.client.get(DATA).etag
    check("ETSI015-RC-ETAG-1", bool(first), expected="an ETag", got=first or "none")
    app = application(bench, bench.far["b"])
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    second = desk.client.get(DATA).etag
    check("ETSI015-RC-ETAG-2", bool(second) and first != second, expected=f"another than {first}", got=second or "none")
    check.require(bool(first), "there is no ETag to be old")
    path = entry("qkd_applications", "qkd_app", app["app_id"])
    tag = desk.client.get(path).etag or second
    body = {f"{MODULE}:qkd_app": [app | {"app_priority": 5}]}
    fresh_one = desk.client.put(path, body, headers={"If-Match": tag})
    check("ETSI015-RC-ETAG-3", fresh_one.ok, expected="2xx with the tag as it is", got=fresh_one)
    body = {f"{MODULE}:qkd_app": [app | {"app_priority": 6}]}
    old = desk.client.put(path, body, headers={"If-Match": tag})
    check("ETSI015-RC-ETAG-3", old.status == 412, expected="412", got=old)
    kept = desk.app(app["app_id"]).get("app_priority")
    check("ETSI015-RC-ETAG-3", kept == 5, expected="app_priority 5 still", got=f"app_priority {kept}")


@case("015.restconf.content", "ETSI015-RC-CONTENT-1", "ETSI015-RC-CONTENT-2", needs=("node",))
def test_content(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """content=config shows no state, content=nonconfig shows the state."""
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the agent does not take a link")
    answer = desk.client.get(NODE_PATH, query="content=config")
    text, inner = answer.body.decode("utf-8", "replace"), _inner(answer)
    shown = [name for name in ("qkdn_status", "qkdi_status", "skr", "app_status") if f'"{name}"' in text]
    fits = answer.ok and "qkdn_id" in inner and not shown
    check("ETSI015-RC-CONTENT-1", fits, expected="no state", got=f"{answer.describe()}: {', '.join(shown) or 'none'}")
    answer = desk.client.get(NODE_PATH, query="content=nonconfig")
    inner = _inner(answer)
    fits = answer.ok and "qkdn_status" in inner and "qkdn_location_id" not in inner
    check("ETSI015-RC-CONTENT-2", fits, expected="state alone", got=f"{answer.describe()}: {', '.join(inner)}")


@case("015.restconf.depth", "ETSI015-RC-DEPTH-1", needs=("node",), ics={"depth": True})
def test_depth(desk: Desk, check: Check) -> None:
    """Where the capability is claimed, depth limits the answer to so many levels."""
    answer = desk.client.get(NODE_PATH, query="depth=2")
    inner = _inner(answer)
    deep = [name for name, value in inner.items() if isinstance(value, dict) and value]
    fits = answer.ok and "qkdn_id" in inner and not deep
    check("ETSI015-RC-DEPTH-1", fits, expected="two levels", got=f"{answer.describe()}: more in {', '.join(deep)}")


@case("015.restconf.fields", "ETSI015-RC-FIELDS-1", needs=("node",), ics={"fields": True})
def test_fields(desk: Desk, check: Check) -> None:
    """Where the capability is claimed, fields selects what is shown."""
    answer = desk.client.get(NODE_PATH, query="fields=qkdn_status")
    inner = _inner(answer)
    fits = answer.ok and list(inner) == ["qkdn_status"]
    check("ETSI015-RC-FIELDS-1", fits, expected="qkdn_status alone", got=f"{answer.describe()}: {', '.join(inner)}")


def _inner(answer: RestconfAnswer) -> dict[str, Any]:
    held = answer.document.get(NODE, {}) if isinstance(answer.document, dict) else {}
    return held if isinstance(held, dict) else {}


@case("015.restconf.who", "ETSI015-RC-AUTH-1", "ETSI015-RC-AUTH-2", needs=("node",))
def test_who_may_ask(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """Without a certificate nobody is served, nor with that of somebody who is no controller; a controller is."""
    check.require(bool(desk.node()), "not even a controller is served")
    for requirement, name, what in (
        ("ETSI015-RC-AUTH-1", None, "without a certificate"),
        ("ETSI015-RC-AUTH-2", "somebody", "as somebody else"),
    ):
        client = bench.client(lab.evidence, name)
        seen, wrote = client.get(NODE_PATH), client.put(f"{NODE_PATH}/qkdn_version", {f"{MODULE}:qkdn_version": "x"})
        check(requirement, not seen.ok, expected="no answer, 401 or 403", got=f"{what}: {seen.describe()}")
        check(requirement, not wrote.ok, expected="no answer, 401 or 403", got=f"{what}: {wrote.describe()}")


@case("015.restconf.stream", "ETSI015-RC-STREAM-1", "ETSI015-RC-STREAM-2", needs=("node",), ics={"notifications": True})
def test_the_stream(bench: AgentBench, desk: Desk, check: Check) -> None:
    """The stream that restconf-state names opens; each event is one notification with its time."""
    check.require(bool(desk.stream_location()), f"{STATE_PATH} names no stream in JSON")
    try:
        with desk.listening() as stream:
            check("ETSI015-RC-STREAM-1", True, expected="text/event-stream", got=stream.media_type)
            bench.call(bench.modules[1].alarm, "STORE_FULL", "no room", 2)
            stream.until(lambda _: True, 10.0)
            events = list(stream.events)
    except OSError as wrong:
        check("ETSI015-RC-STREAM-1", False, expected="200 text/event-stream", got=str(wrong))
        check.require(False, "the stream does not open")
        return
    odd = [one.data[:120] for one in events if not one.name.startswith(f"{MODULE}:") or not _time(one.notification)]
    got = odd[0] if odd else f"{len(events)} events"
    check("ETSI015-RC-STREAM-2", bool(events) and not odd, expected="an envelope with eventTime", got=got)


def _time(notification: dict[str, Any]) -> bool:
    text = json.dumps(notification.get("eventTime", ""))
    return re.fullmatch(r'"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"', text) is not None
