"""Faults of the methods themselves: calls that are not served (5.1, 5.3, 6.2, 6.4)."""

from __future__ import annotations

from collections.abc import Mapping

from vendors.reference.api014 import Api014, Call

from .catalogue import fault


def _without(routes: Mapping[str, Mapping[str, Call]], end: str, verb: str) -> Mapping[str, Mapping[str, Call]]:
    return {
        path: {other: call for other, call in calls.items() if other != verb or not path.endswith(end)}
        for path, calls in routes.items()
    }


@fault("post-enc-keys-not-served", caught_by=["ETSI014-5.3-R1"])
class NoPostEncKeys(Api014):
    """Get key is served by GET alone."""

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """Without POST."""
        return _without(super().routes(), "/enc_keys", "POST")


@fault("get-enc-keys-not-served", caught_by=["ETSI014-6.2-R4"])
class NoGetEncKeys(Api014):
    """Get key is served by POST alone."""

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """Without GET."""
        return _without(super().routes(), "/enc_keys", "GET")


@fault("post-dec-keys-not-served", caught_by=["ETSI014-5.4-R1"])
class NoPostDecKeys(Api014):
    """Get key with key IDs is served by GET alone."""

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """Without POST."""
        return _without(super().routes(), "/dec_keys", "POST")


@fault("get-dec-keys-not-served", caught_by=["ETSI014-6.4-R6"])
class NoGetDecKeys(Api014):
    """Get key with key IDs is served by POST alone."""

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """Without GET."""
        return _without(super().routes(), "/dec_keys", "GET")
