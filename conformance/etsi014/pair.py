"""Master and slave over one binding: what the cases speak with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from conformance.etsi014 import limits
from conformance.etsi014.bench import Bench
from conformance.etsi014.pool import SharedKey
from conformance.etsi014.roles import Role
from conformance.etsi014.stock import Stock
from harness.campaign.check import Inconclusive
from harness.campaign.ics import Ics
from harness.wire.etsi014 import Answer, DeliveredKey, SaeClient

__all__ = ["Bench", "Pair", "Told", "same_keys", "told"]


@dataclass(frozen=True)
class Pair:
    """A master and a slave at their KMEs, over one binding."""

    bench: Bench
    binding: str
    master_role: Role
    slave_role: Role

    @property
    def ics(self) -> Ics:
        """The ICS as used."""
        return self.bench.campaign.ics

    @cached_property
    def master(self) -> SaeClient:
        """The SAE that takes keys."""
        return self.bench.client(self.master_role, self.binding)

    @cached_property
    def slave(self) -> SaeClient:
        """The SAE that the keys are for."""
        return self.bench.client(self.slave_role, self.binding)

    @cached_property
    def third(self) -> SaeClient:
        """An SAE that is neither (facility "third"; at the slave's KME with "third-at-slave")."""
        role = self.bench.roles.third
        if role is None:
            raise Inconclusive("the target gives no third SAE")
        return self.bench.client(role, self.binding)

    @property
    def stranger(self) -> SaeClient:
        """An SAE that the slave's KME does not know (facility "stranger")."""
        return self.bench.stranger(self.slave_role.kme_id, self.binding)

    @cached_property
    def back(self) -> Pair:
        """The same two SAEs with their parts exchanged."""
        return Pair(self.bench, self.binding, self.slave_role, self.master_role)

    @property
    def stock(self) -> Stock:
        """The stock from which the master takes."""
        return self.bench.stock(self.master, self.slave.id)

    # -- keys ---------------------------------------------------------------------------------------------------

    def take(
        self,
        *,
        number: int | None = None,
        size: int | None = None,
        additional: Sequence[str] | None = None,
        extension_mandatory: Sequence[object] | None = None,
        extension_optional: Sequence[object] | None = None,
        verb: str = "POST",
    ) -> Answer:
        """Get key by the master, for the slave. When keys may lack, it is tried again for a while."""

        def request() -> Answer:
            return self.master.get_key(
                self.slave.id,
                number=number,
                size=size,
                additional=additional,
                extension_mandatory=extension_mandatory,
                extension_optional=extension_optional,
                verb=verb,
            )

        return self.stock.serve(request, number, size)

    def draw(self, number: int = 1, *, size: int | None = None) -> tuple[DeliveredKey, ...]:
        """``number`` new keys, in as many requests as max_key_per_request makes necessary.

        Raises:
            Inconclusive: they cannot be had.
        """
        drawn: list[DeliveredKey] = []
        while len(drawn) < number:
            wanted = min(number - len(drawn), limits.most(self.ics))
            answer = self.take(number=wanted if wanted > 1 else None, size=size)
            if not answer.ok or not answer.keys:
                raise Inconclusive(f"a key is needed first; Get key: {answer.describe()}")
            drawn += answer.keys
        self.bench.lag.let_pass()
        return tuple(drawn[:number])

    def draw_one(self, *, size: int | None = None) -> DeliveredKey:
        """One new key; see `draw`."""
        return self.draw(1, size=size)[0]

    def fetch(
        self,
        keys: DeliveredKey | Iterable[DeliveredKey | str] | str,
        *,
        by: SaeClient | None = None,
        master: str | None = None,
        verb: str = "POST",
    ) -> Answer:
        """Get key with key IDs by the slave (or ``by``), under the master's ID (or ``master``).

        When somebody asks for keys that were taken for it just now, and they are not there yet, it asks again for a
        while.
        """
        listed = [keys] if isinstance(keys, DeliveredKey | str) else list(keys)
        ids = [key if isinstance(key, str) else key.id for key in listed]
        client = by or self.slave

        def request() -> Answer:
            return client.get_key_with_ids(master or self.master.id, ids, verb=verb)

        answer = request()
        return answer if master else self.bench.lag.bridge(answer, client.id, ids, request)

    def fetch_each(self, keys: Sequence[DeliveredKey]) -> list[tuple[Sequence[DeliveredKey], Answer]]:
        """Fetch all ``keys`` in as few requests as the KME takes (A16); gives each portion with its answer."""
        step = limits.ids_per_fetch(self.ics) if self.bench.pool.several_ids else 1
        done: list[tuple[Sequence[DeliveredKey], Answer]] = []
        for start in range(0, len(keys), step):
            part = keys[start : start + step]
            answer = self.fetch(part)
            if answer.refused_with(400) and len(part) > 1:
                self.bench.pool.several_ids = False
                done += self.fetch_each(part)
            else:
                done.append((part, answer))
        return done

    def shared(self, number: int) -> tuple[SharedKey, ...]:
        """Keys delivered at both ends, drawn once for all cases that share; raises `Inconclusive`."""
        return self.bench.pool.keys(self, number)

    def takes_several_ids(self) -> bool:
        """Whether a request may name several key IDs (A16), seen with two shared keys; raises `Inconclusive`."""
        self.shared(2)
        return self.bench.pool.several_ids

    def lacks(self, answer: Answer, number: int | None = None, size: int | None = None) -> bool:
        """True when a refusal of Get key may have been for want of keys."""
        return self.stock.could_lack(answer, number, size)


def same_keys(answer: Answer, keys: Iterable[DeliveredKey]) -> bool:
    """True when ``answer`` is 200 and holds exactly ``keys``: same IDs, same bytes, in any order."""
    wanted = {_canonical(key.id): key.material for key in keys}
    got = [(_canonical(key.id), key.material) for key in answer.keys]
    return answer.ok and len(got) == len(wanted) and dict(got) == wanted


@dataclass(frozen=True)
class Told:
    """An answer, with what is to be said of it in a finding."""

    answer: Answer
    text: str

    @property
    def exchange(self) -> int:
        """Index of the exchange in the evidence of the case."""
        return self.answer.exchange

    def describe(self) -> str:
        """The answer in one line, and the text."""
        return f"{self.answer.describe()}; {self.text}" if self.text else self.answer.describe()


def told(answer: Answer, keys: Iterable[DeliveredKey]) -> Told:
    """``answer`` compared with the keys that were expected, for a finding."""
    if not answer.ok or not answer.keys:
        return Told(answer, "")
    wanted = {_canonical(key.id): key.material for key in keys}
    got = {_canonical(key.id): key.material for key in answer.keys}
    strange = len(got.keys() - wanted.keys())
    missing = len(wanted.keys() - got.keys())
    twice = len(answer.keys) - len(got)
    differing = sum(got[name] != wanted[name] for name in got.keys() & wanted.keys())
    counts = ((missing, "missing"), (strange, "not asked for"), (twice, "given twice"), (differing, "with other bytes"))
    parts = [f"{count} {text}" for count, text in counts if count]
    return Told(answer, ", ".join(parts) or "as the master has them")


def _canonical(key_id: str) -> str:
    return key_id.lower()
