"""Key delivery of one module by ETSI GS QKD 014: one key block is one key. Free of any wire."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from vendors.reference.model import Key, KeyContainer, KeyIdsRequest, KeyRequest, Status
from vendors.reference.refusals import (
    MANDATORY_UNSUPPORTED,
    SIZE_NOT_OCTETS,
    bad_request,
    keys_not_found,
    not_yours,
    unavailable,
)

from .source import Block, BlockSource

_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Ends:
    """Who is at both ends of the link.

    To a module its SAEs are the KMSs of the two sites: their SAE IDs are their KME IDs. The module itself is
    a KME in the sense of 014, and its ID is the module ID.

    Raises:
        ValueError: when both ends bear the same KME ID.
    """

    module_id: str
    peer_module_id: str
    local_kme_id: str
    peer_kme_id: str

    def __post_init__(self) -> None:
        if self.local_kme_id == self.peer_kme_id:
            raise ValueError("the two ends of a link belong to different KMEs")


@dataclass(frozen=True, slots=True)
class Etsi014Settings:
    """What a module serves.

    Both ends hold the same blocks and do not talk about them, so each block has one end that may hand it out
    by Get key. Both ends of a link must agree on `masters`.

    Attributes:
        block_octets: length of a key block; `key_size` is eight times that, and no other size is served.
        max_key_per_request: keys, and key IDs, of one request.
        max_key_count: the largest `stored_key_count` that is stated.
        expire_s: how long a block stays that the other end must have handed out but nobody fetches, seconds
            of the plant's time.
        masters: "smaller": the end with the smaller KME ID hands out all blocks. "both": it hands out those
            whose block ID is even, the other end the rest, so that either end can be master.

    Raises:
        ValueError: when a figure is not above zero.
    """

    block_octets: int
    max_key_per_request: int = 128
    max_key_count: int = 100_000
    expire_s: float = 600.0
    masters: Literal["smaller", "both"] = "smaller"

    def __post_init__(self) -> None:
        if min(self.block_octets, self.max_key_per_request, self.max_key_count) < 1 or not self.expire_s > 0:
            raise ValueError("block_octets, max_key_per_request, max_key_count and expire_s are above zero")


class ModuleKeys:
    """The three methods of 014 for the one SAE that a module serves. They raise `RefusedError` for no.

    Each method runs in one piece on the event loop, so that no two requests get the same block.

    A block of the other end's is fetched by its ID. As keys are handed out in order, a block that was passed
    over by a later one was handed out too: it stays `expire_s` longer and is destroyed then. Blocks that may
    still be waiting in the other end's stock never expire, so the two stocks do not drift apart.
    """

    def __init__(self, source: BlockSource, ends: Ends, settings: Etsi014Settings, now: Callable[[], float]) -> None:
        """`now` gives the plant's time, seconds."""
        self.ends = ends
        self.settings = settings
        self._source = source
        self._now = now
        self._overtaken: dict[bytes, float] = {}  # since when, oldest first
        self._handed_out: dict[bytes, None] = {}  # by Get key here; the latest, oldest first

    def status(self, slave: str) -> Status:
        """Get status (5.2) for the local KMS as master."""
        self._check_peer(slave)
        self.expire()
        ends, settings = self.ends, self.settings
        bits = settings.block_octets * 8
        stored = sum(self._is_ours(block) for block in self._source.ready())
        return Status(
            source_KME_ID=ends.module_id,
            target_KME_ID=ends.peer_module_id,
            master_SAE_ID=ends.local_kme_id,
            slave_SAE_ID=slave,
            key_size=bits,
            stored_key_count=min(stored, settings.max_key_count),
            max_key_count=settings.max_key_count,
            max_key_per_request=settings.max_key_per_request,
            max_key_size=bits,
            min_key_size=bits,
            max_SAE_ID_count=0,
        )

    def get_key(self, request: KeyRequest) -> KeyContainer:
        """Get key (5.3): the oldest blocks that this end may hand out; 503 when there are fewer than asked for."""
        self._check_peer(request.slave)
        if request.additional_slaves:
            raise bad_request("multicast is not supported", "TOO_MANY_SAE_IDS")
        number = self._number_of(request)
        self._check_size(request.size)
        _refuse_mandatory(request.extension_mandatory)
        self.expire()
        blocks = list(islice((block for block in self._source.ready() if self._is_ours(block)), number))
        if len(blocks) < number:
            raise unavailable("not enough keys are available", "NOT_ENOUGH_KEYS")
        keys = self._take(blocks)
        self._remember(keys)
        return KeyContainer(keys)

    def get_key_with_key_ids(self, request: KeyIdsRequest) -> KeyContainer:
        """Get key with key IDs (5.4): the copies of blocks that the other end handed out; all of them or none."""
        self._check_peer(request.master)
        key_ids = self._key_ids_of(request)
        if any(key_id in self._handed_out for key_id in key_ids):
            raise not_yours()  # the master is not among the SAEs supplied to Get key
        self.expire()
        wanted = set(key_ids)
        found: dict[bytes, Block] = {}
        passed: list[bytes] = []
        for block in self._source.ready():
            if self._is_ours(block):
                continue
            if block.block_id in wanted:
                found[block.block_id] = block
                if len(found) == len(wanted):
                    break
            else:
                passed.append(block.block_id)
        else:
            raise keys_not_found()
        keys = self._take([found[key_id] for key_id in key_ids])
        self._overtake(passed, taken=key_ids)
        return KeyContainer(keys)

    def expire(self) -> int:
        """Destroys the blocks whose time has passed; says how many. Called by each method, too."""
        before = self._now() - self.settings.expire_s
        due = [block_id for block_id, since in self._overtaken.items() if since <= before]
        for block_id in due:
            del self._overtaken[block_id]
        return sum(self._source.destroy(block_id) for block_id in due)

    def _is_ours(self, block: Block) -> bool:
        """Whether this end hands the block out by Get key; otherwise the other end does."""
        smaller = self.ends.local_kme_id < self.ends.peer_kme_id
        if self.settings.masters == "smaller":
            return smaller
        return (block.block_id[-1] % 2 == 0) == smaller

    def _take(self, blocks: Sequence[Block]) -> list[Key]:
        taken = [self._source.take(block.block_id) for block in blocks]
        return [Key(block.block_id, block.octets) for block in taken if block is not None]

    def _remember(self, keys: Sequence[Key]) -> None:
        self._handed_out.update(dict.fromkeys(key.key_id for key in keys))
        for key_id in list(islice(self._handed_out, max(0, len(self._handed_out) - _REMEMBERED))):
            del self._handed_out[key_id]

    def _overtake(self, passed: Sequence[bytes], taken: Sequence[bytes]) -> None:
        now = self._now()
        for block_id in passed:
            self._overtaken.setdefault(block_id, now)
        for block_id in taken:
            self._overtaken.pop(block_id, None)

    # -- what is asked ------------------------------------------------------------------------------

    def _check_peer(self, sae_id: str) -> None:
        if sae_id != self.ends.peer_kme_id:
            raise bad_request("the SAE ID in the path is not that of the other end", "SAE_ID_UNKNOWN")

    def _number_of(self, request: KeyRequest) -> int:
        number = 1 if request.number is None else request.number
        limit = self.settings.max_key_per_request
        if not 1 <= number <= limit:
            raise bad_request(f"number: 1 to {limit} are served", "NUMBER_OUT_OF_RANGE")
        return number

    def _check_size(self, size: int | None) -> None:
        bits = self.settings.block_octets * 8
        if size is None or size == bits:
            return
        if size % 8:
            raise bad_request(SIZE_NOT_OCTETS, "SIZE_NOT_OCTETS")
        raise bad_request(f"size: {bits} bits alone are served", "SIZE_OUT_OF_RANGE")

    def _key_ids_of(self, request: KeyIdsRequest) -> list[bytes]:
        limit = self.settings.max_key_per_request
        if not 1 <= len(request.key_ids) <= limit:
            raise bad_request(f"key_IDs: 1 to {limit} are served", "KEY_IDS_OUT_OF_RANGE")
        key_ids = [_key_id_of(text) for text in request.key_ids]
        if len(set(key_ids)) < len(key_ids):
            raise bad_request("a key_ID is given more than once", "REPEATED")
        return key_ids


def _refuse_mandatory(extensions: Sequence[Mapping[str, object]]) -> None:
    """400 with M2 (6.2): a module supports no extension."""
    names = [name for extension in extensions for name in extension]
    if names:
        details = [("extension_mandatory_unsupported", f"{name} is not supported") for name in names]
        raise bad_request(MANDATORY_UNSUPPORTED, "MANDATORY_UNSUPPORTED", details)


def _key_id_of(text: str) -> bytes:
    try:
        key_id = uuid.UUID(text)
    except ValueError:
        raise bad_request("key_ID shall be a UUID", "KEY_ID_MALFORMED") from None
    if str(key_id) != text.lower():  # braces, URNs and missing hyphens are not the usual form
        raise bad_request("key_ID shall be a UUID", "KEY_ID_MALFORMED")
    return key_id.bytes
