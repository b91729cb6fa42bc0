"""What must hold between the members of a target file, beyond the shape of each.

The rules read the document rather than the model, so that a mistake in one member does not hide those in others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from harness.document.problem import Problem, Weight, closest, listed
from harness.document.toml import Document, Trail
from harness.target.credentials import CredentialRules, fingerprint

_HERE: Trail = ("ixit", "etsi014")
_ADDRESSES = ("trust", "kme", "sae", "stranger")
_NEEDED = (
    ("trust", "'trust' is missing", 'say whom KMEs are verified with: trust = "ca.pem"'),
    (
        "kme",
        "no KME is given",
        'say where they answer: kme = [ { id = "kme-a", url = "https://192.0.2.1:8443" } ]',
    ),
    ("sae", "no SAE is given", "name at least two SAEs: one takes keys, the other fetches them"),
)


def broken_rules(
    document: Document,
    now: datetime,
    suites: Sequence[str],
    vendors: Sequence[str],
    meant: frozenset[Trail] = frozenset(),
) -> list[Problem]:
    """Everything that does not hold.

    Args:
        document: the target file.
        now: the present, with a time zone.
        suites: the names of the suites that are installed.
        vendors: the names of the implementations that are installed.
        meant: members that stand in the file misspelt; they are not said to be missing too.
    """
    problems: list[Problem] = list(_claims(document, suites))
    files = CredentialRules(document, now)
    if "launch" in document.data:
        problems += _launched(document, vendors)
    elif ("launch",) not in meant:
        problems += _attached(document, meant)
        files.trust((*_HERE, "trust"))
        problems += _certificates(document, files)
    return problems + files.problems


def _claims(document: Document, suites: Sequence[str]) -> Iterator[Problem]:
    claims = document.get("ics")
    for suite in claims if isinstance(claims, dict) and suites else ():
        if suite not in suites:
            wrong = f"claims for an unknown suite {suite!r}"
            todo = f"installed: {listed(sorted(suites))}"
            yield document.problem(("ics", suite), wrong, suggestion=closest(suite, suites), todo=todo, at_key=True)


def broken_claims(document: Document, suite: str, known: Mapping[str, tuple[type, str]]) -> list[Problem]:
    """Claims that ``suite`` does not know, or that are of another type; ``known`` says type and meaning by name."""
    problems = []
    claims = document.get("ics", suite)
    for name, value in (claims if isinstance(claims, dict) else {}).items():
        trail: Trail = ("ics", suite, name)
        if name not in known:
            todo = f"claims are {listed(sorted(known))}"
            wrong = f"unknown claim {name!r}"
            problems.append(document.problem(trail, wrong, suggestion=closest(name, known), todo=todo, at_key=True))
        elif type(value) is not known[name][0]:
            wanted = _TYPES.get(known[name][0], known[name][0].__name__)
            problems.append(document.problem(trail, f"{name!r} has to be {wanted}", todo=f"it is {known[name][1]}"))
    return problems


_TYPES: Mapping[type, str] = {bool: "true or false", int: "a whole number", str: "text", list: "a list of texts"}


def _launched(document: Document, vendors: Sequence[str]) -> Iterator[Problem]:
    for member in _ADDRESSES:
        if document.get(*_HERE, member) is not None:
            wrong = f"{member!r} and [launch] exclude each other"
            todo = "[launch] has the harness start the KMEs and make certificates itself: remove one of the two"
            yield document.problem((*_HERE, member), wrong, todo=todo, at_key=True)
    command, vendor = document.get("launch", "command"), document.get("launch", "vendor")
    if command is None and vendor is None:
        todo = 'say command = ["{python}", "-m", "acme.kme"], or vendor = "reference"'
        yield document.problem(("launch",), "[launch] names nothing to start", todo=todo)
    if command is not None and vendor is not None:
        wrong = "'command' and 'vendor' exclude each other"
        yield document.problem(("launch", "vendor"), wrong, todo="remove one of the two", at_key=True)
    elif isinstance(vendor, str) and vendor not in vendors:
        todo = f"installed: {listed(sorted(vendors)) or 'none'}"
        wrong = f"no implementation named {vendor!r} is installed"
        yield document.problem(("launch", "vendor"), wrong, suggestion=closest(vendor, vendors), todo=todo)


def _attached(document: Document, meant: frozenset[Trail]) -> Iterator[Problem]:
    if "iut" not in document.data and ("iut",) not in meant:
        yield document.problem((), "[iut] is missing", todo='say what is tested: [iut] and name = "acme-kme"')
    here = document.get(*_HERE)
    if here is None and not {("ixit",), _HERE} & meant:
        todo = "[ixit.etsi014] says how the KMEs are reached, [launch] how the harness starts them"
        yield document.problem((), "neither [ixit.etsi014] nor [launch] is there", todo=todo)
    if isinstance(here, dict):
        for member, wrong, todo in _NEEDED:
            if not here.get(member) and (*_HERE, member) not in meant:
                yield document.problem((*_HERE, member), f"{wrong} in [ixit.etsi014]", todo=todo)
        yield from _kmes(document)
        yield from _saes(document)


def _kmes(document: Document) -> Iterator[Problem]:
    seen: dict[str, Trail] = {}
    addresses: dict[str, str] = {}
    for trail, kme in document.tables(*_HERE, "kme"):
        name, url, grpc = kme.get("id"), kme.get("url"), kme.get("grpc")
        if isinstance(name, str):
            yield from _once(document, seen, name, trail, "KME ID")
        if isinstance(url, str) and url:
            yield from (document.problem((*trail, "url"), found) for found in _url_faults(url))
            if url in addresses:
                wrong = f"{url!r} is the address of {addresses[url]!r} too"
                yield document.problem((*trail, "url"), wrong, todo="give each KME its own")
            addresses[url] = str(name)
        if isinstance(grpc, str) and grpc and not _is_host_port(grpc):
            wrong = f"{grpc!r} is not host:port"
            yield document.problem((*trail, "grpc"), wrong, todo='say grpc = "192.0.2.1:50051"')


def _saes(document: Document) -> Iterator[Problem]:
    entries = list(document.tables(*_HERE, "sae"))
    if len(entries) == 1:
        wrong, todo = "one SAE alone is given", "name a second one: one takes keys, the other fetches them"
        yield document.problem((*_HERE, "sae"), wrong, todo=todo)
    kmes = [kme["id"] for _, kme in document.tables(*_HERE, "kme") if isinstance(kme.get("id"), str)]
    seen: dict[str, Trail] = {}
    for trail, sae in entries:
        if isinstance(sae.get("id"), str):
            yield from _once(document, seen, sae["id"], trail, "SAE ID")
        home = sae.get("kme")
        if isinstance(home, str) and kmes and home not in kmes:
            wrong, todo = f"there is no KME {home!r}", f"given: {listed(kmes)}"
            yield document.problem((*trail, "kme"), wrong, suggestion=closest(home, kmes), todo=todo)
    homes = {sae.get("kme") for _, sae in entries}
    if len(entries) >= 2 and len(homes) == 1:
        yield document.problem(
            (*_HERE, "sae"),
            f"all SAEs are at one KME ({homes.pop()})",
            todo="the standard normally has two (clause 4); what passes between KMEs is not tested this way",
            weight=Weight.NOTE,
        )


def _once(document: Document, seen: dict[str, Trail], name: str, trail: Trail, kind: str) -> Iterator[Problem]:
    if name in seen:
        line = document.value_at((*seen[name], "id")).line
        wrong = f"the {kind} {name!r} stands twice (first on line {line})"
        yield document.problem((*trail, "id"), wrong, todo="IDs are unique in the network (clause 4)")
    seen.setdefault(name, trail)


def _url_faults(url: str) -> Iterator[str]:
    shown = re.sub(r"//[^/@]*@", "//", url)  # what stands before the @ may be a password
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield f"{shown!r} is not a URL with a port from 1 to 65535"
        return
    if parts.scheme != "https":
        yield f"{shown!r} does not begin with https:// (clause 5.1 knows nothing else)"
        return
    if not parts.hostname or port == 0:
        yield f"{shown!r} names no host, or port 0"
    if parts.username is not None:
        yield "the URL holds a user name: an SAE is known by its certificate alone"
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        yield f"the URL has more than a host and a port: say {host!r}, the standard fixes the rest (clause 5.1)"


def _is_host_port(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname and parts.port) and parts.netloc == text and not parts.username
    except ValueError:
        return False


def _certificates(document: Document, files: CredentialRules) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    credentials = [(trail, str(sae.get("id"))) for trail, sae in document.tables(*_HERE, "sae")]
    if isinstance(document.get(*_HERE, "stranger"), dict):
        credentials.append(((*_HERE, "stranger"), "the stranger"))
    for trail, owner in credentials:
        certificate = files.credential(trail)
        if certificate is None:
            continue
        other = owners.setdefault(fingerprint(certificate), owner)
        if other != owner:
            wrong = f"this is the certificate of {other} too"
            todo = "a KME tells SAEs apart by their certificates alone (clause 5.1)"
            yield document.problem((*trail, "certificate"), wrong, todo=todo)
