"""``qkd-harness doctor``: whether this machine has what a campaign needs."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, entry_points, requires, version

import click


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``needed`` = False: something optional works only with it."""

    name: str
    good: bool
    seen: str
    todo: str = ""
    needed: bool = True


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def doctor(*, as_json: bool) -> int:
    """Look at this machine: Python, OpenSSL, packages, ports, and what is optional.

    Exit code 3 when something is missing that a campaign cannot do without.
    """
    from harness.cli.console import out, plain, print_json

    found = list(findings())
    if as_json:
        print_json([asdict(finding) for finding in found])
    for finding in () if as_json else found:
        word = "ok" if finding.good else "MISSING" if finding.needed else "absent"
        style = None if finding.good else "bold red" if finding.needed else "yellow"
        todo = f"; {finding.todo}" if finding.todo and not finding.good else ""
        out().print(plain(f"{word:<9}{finding.name:<22}{finding.seen}{todo}"), style=style)
    return 3 if any(finding.needed and not finding.good for finding in found) else 0


def findings() -> Iterator[Finding]:
    """Everything that is looked at, in order."""
    yield Finding("Python", sys.version_info >= (3, 11), sys.version.split()[0], "use Python 3.11 or newer")
    yield Finding("OpenSSL", ssl.HAS_TLSv1_3, ssl.OPENSSL_VERSION, "use a Python built with OpenSSL 1.1.1 or newer")
    yield _old_tls()
    yield _packages()
    for group in ("suites", "vendors", "writers"):
        yield _entry_points(f"qkd_harness.{group}", group)
    yield _loopback()
    yield _program("chromium", "the tests of the HTML report read it with a browser")
    yield _program("docker", "implementations in containers")


def _old_tls() -> Finding:
    """Whether this OpenSSL can still offer TLS 1.0, without which a server that accepts it is not found out."""
    name = "TLS below 1.2"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        _limit(context)
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        return Finding(name, good=True, seen=f"can be offered ({len(outgoing.read())} octets of ClientHello)")
    except (ssl.SSLError, ValueError) as wrong:
        return Finding(name, good=False, seen=f"cannot be offered: {wrong}", todo=_OLD_TLS_TODO, needed=False)
    return Finding(name, good=False, seen="cannot be offered", todo=_OLD_TLS_TODO, needed=False)


_OLD_TLS_TODO = "the cases about the TLS floor will be inconclusive; allow TLSv1 in the OpenSSL configuration"


def _limit(context: ssl.SSLContext) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to offer it is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1


def _packages() -> Finding:
    from packaging.requirements import Requirement

    needed = [Requirement(line) for line in requires("qkd-harness") or ()]
    wrong = []
    for one in needed:
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        try:
            if not one.specifier.contains(version(one.name), prereleases=True):
                wrong.append(f"{one.name} {version(one.name)} is not {one.specifier}")
        except PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
    return Finding("packages", not wrong, "; ".join(wrong) or "as locked or newer", "install anew: make install")


def _entry_points(group: str, what: str) -> Finding:
    names, wrong = [], []
    for point in entry_points(group=group):
        try:
            point.load()
            names.append(point.name)
        except Exception as problem:  # noqa: BLE001 - an entry point is anybody's code
            wrong.append(f"{point.name}: {type(problem).__name__}: {problem}")
    return Finding(what, bool(names) and not wrong, "; ".join([", ".join(sorted(names)), *wrong]), "install anew")


def _loopback() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2):
            return Finding("loopback ports", good=True, seen=f"can be opened (127.0.0.1:{server.getsockname()[1]})")
    except OSError as wrong:
        return Finding("loopback ports", good=False, seen=str(wrong), todo="allow connections on 127.0.0.1")


def _program(name: str, purpose: str, which: Callable[[str], str | None] = shutil.which) -> Finding:
    path = which(name)
    return Finding(name, path is not None, path or f"not found; needed for: {purpose}", needed=False)
