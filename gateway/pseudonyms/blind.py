"""The pseudonymiser whose secret is eHealth's: it is asked blindly, and sees neither the person nor the pseudonym.

    value ─ point ─ blinded ──▶ times the domain's secret, divided for transit ──▶ unblinded, undivided ─ keyed hash

What the service gives is hashed with the project's own key, as the house's pseudonymiser hashes an SSIN: so a person
has another pseudonym in each project, and nobody makes one without both the service and the key ring.
Stage: identified in, pseudonymous out.
Source: https://www.ehealth.fgov.be, "blind pseudonymisation";
https://github.com/smals-belgium/shared-pseudo-helper-java.
Not: the service does not prove that it took the right secret; whoever runs it can make people look new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.domain.errors import PseudonymiserUnavailable
from gateway.domain.identity import Ssin
from gateway.pseudonyms import curve
from gateway.pseudonyms.local import LocalPseudonymiser
from gateway.pseudonyms.port import Person, Unasked
from gateway.pseudonyms.transit import BrokenTransit, Domain, UnknownTransitKey, open_domain, scalar_of


class Service(Protocol):
    """The service, for one domain."""

    def domain(self) -> Mapping[str, Any]:
        """What it says of the domain. Raises: PseudonymiserUnavailable."""
        ...

    def pseudonymise(self, x: bytes, y: bytes) -> tuple[bytes, str]:
        """The x-coordinate of a blinded point's pseudonym in transit, and its transit.

        Raises: PseudonymiserUnavailable.
        """
        ...


@dataclass(slots=True)
class Owner:
    """The domain's owner: who asks the service, and opens what it answers.

    Shape: for several threads at once; the domain is asked for when it is first needed, and again for a new key.
    """

    service: Service
    owner_key: RSAPrivateKey = field(repr=False)
    now: Callable[[], datetime]
    _domain: Domain | None = None

    def at_rest(self, value: bytes) -> bytes:
        """The pseudonym of a value in the domain, as a point.

        Raises: PseudonymiserUnavailable.
        """
        try:
            domain = self._domain or self._asked()
            blinding = curve.new_scalar()
            blinded = curve.multiply(curve.point_of(value, domain.buffer_bytes), blinding)
            answered, transit = self.service.pseudonymise(blinded, curve.y_of(blinded))
            try:
                protection = scalar_of(transit, domain, self.now())
            except UnknownTransitKey:
                protection = scalar_of(transit, self._asked(), self.now())
            return curve.multiply(answered, curve.inverse(blinding) * protection % curve.ORDER)
        except (BrokenTransit, UnknownTransitKey, ValueError) as error:
            raise PseudonymiserUnavailable from error

    def _asked(self) -> Domain:
        self._domain = open_domain(self.service.domain(), self.owner_key)
        return self._domain


@dataclass(frozen=True, slots=True)
class BlindPseudonymiser:
    """Pseudonyms that a service has to be asked for, ahead of the transaction that needs them.

    Shape: `known` lives as long as one verb.
    """

    owner: Owner
    keyed: LocalPseudonymiser
    known: Mapping[Person, Sequence[bytes]] = field(default_factory=dict, repr=False)

    def pseudonymise(self, ssin: Ssin, project: str) -> bytes:
        """The pseudonym that stands for a person in a project, and nowhere else.

        Raises: Unasked.
        """
        return self.candidates(ssin, project)[0]

    def candidates(self, ssin: Ssin, project: str) -> Sequence[bytes]:
        """Every pseudonym under which a person may be found; more than one while the ring's keys are rotated.

        Raises: Unasked.
        """
        try:
            return self.known[ssin, project]
        except KeyError:
            raise Unasked([(ssin, project)]) from None

    def ahead(self, people: Collection[Person]) -> Self:
        """A pseudonymiser that knows these people too.

        Cost: a request for each whom it does not know yet.
        Raises: PseudonymiserUnavailable.
        """
        fresh = {one: self._pseudonyms(*one) for one in dict.fromkeys(people) if one not in self.known}
        return replace(self, known={**self.known, **fresh})

    def _pseudonyms(self, ssin: Ssin, project: str) -> Sequence[bytes]:
        return self.keyed.stand_ins(self.owner.at_rest(ssin.reveal().encode("ascii")), project)

    def bucket(self, pseudonym: bytes) -> int:
        """Where everything about a person lives."""
        return self.keyed.bucket(pseudonym)
