"""From allocated to handed out: no key reaches its master before it is safe for its slaves.

Requests are settled in batches: one commit and one message to the peer serve all requests that have arrived
by then. A few batches are on their way at a time, so that this KME goes on while the peer writes; what
arrives meanwhile waits for the next.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from qkd.reference.v1.kme_peer_pb2 import PeerMessage

from .copies import Copies, NewCopy
from .database import Database
from .intake.provenance import Place, Provenance
from .link import Link
from .peers import PeerLine
from .refusals import ACCESS_ERROR, unavailable

_log = logging.getLogger(__name__)
_FIRST_BATCH = 8  # requests, while nothing is on the way
_FULL_BATCH = 16
_BATCHES_ON_THE_WAY = 2
_TURNS = 4  # what one request takes from the socket to here


@dataclass(slots=True)
class Portion:
    """What one other KME needs to know of a key.

    Attributes:
        link: the link to that KME.
        offset: of the octets set aside in this KME's half.
        slaves: the SAEs there.
        mask: see Grant.mask in kme_peer.proto.
    """

    link: Link
    offset: int
    slaves: Sequence[str]
    mask: bytes


@dataclass(slots=True)
class Allocation:
    """A key whose octets are set aside, not known to anybody yet.

    Attributes:
        key_id: 16 octets.
        octets: the key itself.
        bits: its size.
        master: the SAE that asked.
        slaves_here: those of its slaves that this KME serves.
        elsewhere: for the others, by KME.
        drawn: the links that it was cut from, with offset and number of octets.
    """

    key_id: bytes
    octets: bytes = field(repr=False)
    bits: int
    master: str
    slaves_here: Sequence[str]
    elsewhere: Sequence[Portion]
    drawn: Sequence[tuple[Link, int, int]] = ()


@dataclass(slots=True)
class _Order:
    """The keys of one request, settled together or not at all."""

    keys: Sequence[Allocation]
    settled: asyncio.Future[None]  # done early when the request was given up

    def refuse(self, message: str, reason: str) -> None:
        """Answers 503."""
        if not self.settled.done():
            self.settled.set_exception(unavailable(message, reason))


class Settlement:
    """Makes allocated keys last, here and at the peers.

    Args:
        links: of this KME; more may come.
        lines: to the other KMEs, by KME ID; may change at any time.
        provenance: where it is written down which octets became which key.
        traced: the links for which it is.
        relays: masters that are forwarding modules.
    """

    def __init__(
        self,
        database: Database,
        copies: Copies,
        links: Collection[Link],
        lines: Mapping[str, PeerLine],
        *,
        provenance: Provenance,
        traced: Collection[Link] = (),
        relays: Collection[str] = (),
    ) -> None:
        self._database = database
        self._copies = copies
        self._links = links
        self._lines = lines
        self._provenance = provenance
        self._traced = traced
        self._relays = relays
        self._waiting: deque[_Order] = deque()
        self._on_the_way = 0  # batches
        self._gathering = False

    @property
    def idle(self) -> bool:
        """Whether every allocated key has been settled."""
        return not self._waiting and not self._on_the_way

    async def settle(self, keys: Sequence[Allocation]) -> None:
        """Returns when the keys are stored for all their slaves. Call in the order of allocation.

        Raises:
            RefusedError: 503; a KME or the disk failed, and the keys are burned.
        """
        settled = asyncio.get_running_loop().create_future()
        self._waiting.append(_Order(keys, settled))
        if not self._gathering:
            self._gather()
        await settled

    def _gather(self, seen: int = 0, turns: int = _TURNS) -> None:
        """Sends when there is a full batch, or when some turns of the event loop brought no further request.

        So a request that comes alone hardly waits, and those that come in company share one batch.
        """
        waiting = len(self._waiting)
        enough = _FULL_BATCH if self._on_the_way else _FIRST_BATCH
        self._gathering = 0 < waiting < enough and (turns > 0 or waiting > seen)
        if self._gathering:
            turns = _TURNS if waiting > seen else turns - 1
            asyncio.get_running_loop().call_soon(self._gather, waiting, turns)
        else:
            self._send_batches()

    def _send_batches(self) -> None:
        while self._waiting and self._on_the_way < _BATCHES_ON_THE_WAY:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _FULL_BATCH))]
            keys = [key for order in batch for key in order.keys]
            try:
                self.write_down(keys)
                told = self._tell_peers(keys)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                _log.error("%d keys are burned, the store fails: %s", len(keys), type(error).__name__)
                for order in batch:
                    self._burn(order)
                    order.refuse(ACCESS_ERROR, "STORE_FAILED")
                continue
            self._on_the_way += 1
            _when_all(told, partial(self._end_batch, batch))

    def _end_batch(self, batch: Sequence[_Order], answers: Mapping[str, str]) -> None:
        """Hands out what is safe; `answers` of the peers by KME ID: why not, or empty."""
        self._on_the_way -= 1
        lost = {kme_id for kme_id, why in answers.items() if why}
        if lost:
            burned = [key for order in batch for key in order.keys if not _is_safe(key, lost)]
            _log.warning("%d keys are burned: %s", len(burned), "; ".join(filter(None, answers.values())))
            self._forget(burned)
        for order in batch:
            if lost and not all(_is_safe(key, lost) for key in order.keys):
                self._burn(order)
                order.refuse("the KME of a slave SAE cannot be reached", "PEER_UNREACHABLE")
            elif order.settled.done():
                self._burn(order)
            else:
                self._hand_out(order)
                order.settled.set_result(None)
        if not self._gathering:
            self._gather()
        self._save_accounts()

    def _hand_out(self, order: _Order) -> None:
        """Books keys that go to their master."""
        for key in order.keys:
            for link, _, octets in key.drawn:
                link.account.hand_out(octets, key.bits, to_relay=key.master in self._relays)

    def _burn(self, order: _Order) -> None:
        """Books keys that go to nobody."""
        for key in order.keys:
            for link, _, octets in key.drawn:
                link.account.burn(octets)

    def _save_accounts(self) -> None:
        """Writes down what was booked, unless the next batch has done so, before an answer can leave."""
        changed = [link for link in self._links if link.account.changed]
        if changed:
            try:
                with self._database.transaction():
                    for link in changed:
                        link.save()
            except sqlite3.Error as error:
                _log.error("accounts are written later: %s", type(error).__name__)

    def write_down(self, keys: Sequence[Allocation]) -> None:
        """Commits, at once: the octets are used up, and slaves here have their copies.

        From here on a crash burns these keys and cannot issue their bits again.
        """
        with self._database.transaction():
            for link in self._links:
                link.save()
            if self._traced:
                self._provenance.add_keys(
                    Place(key.key_id, link.number, link.own, offset, octets)
                    for key in keys
                    for link, offset, octets in key.drawn
                    if link in self._traced
                )
            here = [key for key in keys if key.slaves_here]
            if here:
                self._copies.add(
                    NewCopy(key.key_id, slave, key.master, key.octets) for key in here for slave in key.slaves_here
                )

    def _forget(self, keys: Sequence[Allocation]) -> None:
        """Keys that are not safe at all their KMEs: nobody has learned of them, nobody will."""
        try:
            with self._database.transaction():
                self._copies.discard(key.key_id for key in keys)
        except sqlite3.Error as error:
            _log.error("copies of burned keys stay behind: %s", type(error).__name__)

    def _tell_peers(self, keys: Sequence[Allocation]) -> dict[str, asyncio.Future[str]]:
        """Has each peer store its part; their answers by KME ID: why not, or empty."""
        shares: dict[Link, PeerMessage] = {}
        for key in keys:
            for part in key.elsewhere:
                message = shares.get(part.link)
                if message is None:
                    message = shares[part.link] = PeerMessage()
                message.share.grants.add(
                    key_id=key.key_id,
                    offset=part.offset,
                    bits=key.bits,
                    master_sae_id=key.master,
                    slave_sae_ids=part.slaves,
                    mask=part.mask,
                )
        return {link.peer_kme_id: self._lines[link.peer_kme_id].share(message) for link, message in shares.items()}


def _when_all(futures: Mapping[str, asyncio.Future[str]], then: Callable[[Mapping[str, str]], None]) -> None:
    """Calls `then` with the results, by the same keys."""
    left = len(futures)

    def one_more(_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            then({name: future.result() for name, future in futures.items()})

    for future in futures.values():
        future.add_done_callback(one_more)
    if not futures:
        asyncio.get_running_loop().call_soon(one_more, None)


def _is_safe(key: Allocation, lost: Collection[str]) -> bool:
    return not any(part.link.peer_kme_id in lost for part in key.elsewhere)
