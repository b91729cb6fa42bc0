"""An exchange of the evidence as text. What the record holds is redacted already; nothing is added to it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.record.visible import cut, visible
from qkd.run.v1 import run_record_pb2 as pb


def sent(exchange: pb.Exchange) -> str:
    """One line: what was sent and as whom, for instance ``POST https://…/dec_keys as sae-3``."""
    caller = exchange.caller or "nobody (no certificate)"
    return visible(f"{exchange.request or 'a connection'} as {caller}")


def received(exchange: pb.Exchange) -> str:
    """One line: the status, or why there was no answer."""
    if exchange.status:
        return visible(f"{exchange.status}{': ' + exchange.failure if exchange.failure else ''}")
    return visible(f"no answer: {exchange.failure or 'reason unknown'}")


def transcript(exchange: pb.Exchange, limit: int = 4000) -> str:
    """Both directions with headers and bodies; a body is cut at ``limit`` characters."""
    request = [f"> {sent(exchange)}", *_part("> ", exchange.request_headers, exchange.request_body, limit)]
    answer = [f"< {received(exchange)}", *_part("< ", exchange.response_headers, exchange.response_body, limit)]
    return "\n".join([*request, *answer])


def _part(mark: str, headers: Mapping[str, str], body: str, limit: int) -> list[str]:
    lines = [f"{name}: {value}" for name, value in sorted(headers.items())]
    if body:
        lines += ["", *cut(body, limit).split("\n")]
    return [(mark + visible(line)).rstrip() for line in lines]
