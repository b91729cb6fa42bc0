"""Faults of extension parameters (6.2)."""

from __future__ import annotations

from collections.abc import Sequence

from vendors.reference.delivery import KeyDelivery
from vendors.reference.model import Pairs
from vendors.reference.refusals import MANDATORY_NOT_MET, MANDATORY_UNSUPPORTED, RefusedError, bad_request

from .catalogue import fault


@fault("mandatory-ignored", caught_by=["ETSI014-6.2-R10"])
class MandatoryIgnored(KeyDelivery):
    """extension_mandatory is not looked at: the key comes as if it were not there."""

    def meet_mandatory(self, extensions: Sequence[Pairs]) -> Pairs:
        """Never refuses."""
        return {}


@fault("mandatory-first-only", caught_by=["ETSI014-6.2-R10"])
class MandatoryFirstOnly(KeyDelivery):
    """Only the first object of extension_mandatory is looked at."""

    def meet_mandatory(self, extensions: Sequence[Pairs]) -> Pairs:
        """Ignores the others."""
        return super().meet_mandatory(extensions[:1])


@fault("mandatory-one-supported-suffices", caught_by=["ETSI014-6.2-R10"])
class MandatoryAnySuffices(KeyDelivery):
    """`any` instead of `all`: one supported parameter makes up for those that are not."""

    def meet_mandatory(self, extensions: Sequence[Pairs]) -> Pairs:
        """Looks at those that are supported, if there are any."""
        supported = [{name: value for name, value in pairs.items() if self.supports(name)} for pairs in extensions]
        return super().meet_mandatory(supported if any(supported) else extensions)


@fault("mandatory-null-is-absent", caught_by=["ETSI014-6.2-R10"])
class MandatoryNullIsAbsent(KeyDelivery):
    """A mandatory parameter whose value is null is dropped before it is checked."""

    def meet_mandatory(self, extensions: Sequence[Pairs]) -> Pairs:
        """Without those."""
        return super().meet_mandatory(
            [{name: value for name, value in pairs.items() if value is not None} for pairs in extensions]
        )


@fault("m2-reworded", caught_by=["ETSI014-6.2-R11"])
class M2Reworded(KeyDelivery):
    """The message for unsupported parameters is the maker's own, not that of the standard."""

    def refuse_unsupported(self, names: Sequence[str]) -> None:
        """With another message."""
        raise bad_request(f"unknown extension: {', '.join(names)}", "MANDATORY_UNSUPPORTED")


@fault("m2-with-503", caught_by=["ETSI014-6.2-R11"])
class M2With503(KeyDelivery):
    """An unsupported parameter is reported as an error on the server's side."""

    def refuse_unsupported(self, names: Sequence[str]) -> None:
        """With another code."""
        raise RefusedError(503, "MANDATORY_UNSUPPORTED", MANDATORY_UNSUPPORTED)


@fault("m3-missing", caught_by=["ETSI014-6.2-R12"])
class M3Missing(KeyDelivery):
    """The value of a supported parameter is not looked at: it is "met" whatever it is."""

    def meets(self, name: str, value: object) -> bool:
        """Always."""
        return True


@fault("m3-says-m2", caught_by=["ETSI014-6.2-R12"])
class M3SaysM2(KeyDelivery):
    """A value that cannot be met is reported as an unsupported parameter."""

    def refuse_unmet(self, names: Sequence[str]) -> None:
        """M2 for M3."""
        self.refuse_unsupported(names)


@fault("m3-for-what-can-be-met", caught_by=["ETSI014-6.2-R13"])
class MeetsNothing(KeyDelivery):
    """The parameter is known by name, and nobody has written the code behind it."""

    def meets(self, name: str, value: object) -> bool:
        """Never."""
        return False


@fault("optional-refused-as-mandatory", caught_by=["ETSI014-6.2-R14"])
class OptionalIsMandatory(KeyDelivery):
    """Both lists of extensions go through the same function: an unknown optional one gets M2."""

    def meet_optional(self, extensions: Sequence[Pairs]) -> Pairs:
        """As the mandatory ones."""
        return self.meet_mandatory(extensions)


@fault("optional-refused-otherwise", caught_by=["ETSI014-6.2-R14"])
class OptionalRefusedOtherwise(KeyDelivery):
    """An unknown optional parameter is refused with M3, which is for mandatory ones."""

    def meet_optional(self, extensions: Sequence[Pairs]) -> Pairs:
        """Refuses what it cannot handle."""
        handled = super().meet_optional(extensions)
        if any(name not in handled for pairs in extensions for name in pairs):
            raise bad_request(MANDATORY_NOT_MET, "OPTIONAL_NOT_HANDLED")
        return handled


@fault("optional-with-503", caught_by=["ETSI014-6.2-R14"])
class OptionalWith503(KeyDelivery):
    """An unknown optional parameter is refused with 503."""

    def meet_optional(self, extensions: Sequence[Pairs]) -> Pairs:
        """Refuses what it cannot handle."""
        handled = super().meet_optional(extensions)
        if any(name not in handled for pairs in extensions for name in pairs):
            raise RefusedError(503, "OPTIONAL_NOT_HANDLED", "extension handler is not available")
        return handled
