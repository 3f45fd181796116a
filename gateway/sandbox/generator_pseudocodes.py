"""The pseudocodes of the synthetic sample: invented actions under six digits that INAMI did not assign."""

from __future__ import annotations

from typing import Any, NamedTuple


class Code(NamedTuple):
    """A pseudocode with the disciplines that carry it out."""

    code: str
    fr: str
    nl: str
    de: str
    en: str
    components: tuple[int, ...]
    disciplines: tuple[str, ...]
    cap: int | None = None
    tariff: tuple[str, str] | None = None

    def body(self) -> dict[str, Any]:
        """What `POST /v1/pseudocodes` takes."""
        body: dict[str, Any] = {
            "code": self.code,
            "label": {"fr": self.fr, "nl": self.nl, "de": self.de, "en": self.en},
            "level": "population",
            "components": list(self.components),
        }
        if self.cap is not None:
            body["cap"] = self.cap
        if self.tariff is not None:
            body["tariff"] = {"amount": self.tariff[0], "beneficiary_pays": self.tariff[1]}
        return body


CODES = {
    code.code: code
    for code in (
        Code(
            "794010",
            "Évaluation des besoins à l'inclusion",
            "Behoefteninschatting bij inclusie",
            "Bedarfsermittlung bei der Aufnahme",
            "Needs assessment at inclusion",
            (3, 13),
            ("nurse", "social_worker", "occupational_therapist"),
            1,
            ("60.00", "0.00"),
        ),
        Code(
            "794032",
            "Concertation multidisciplinaire",
            "Multidisciplinair overleg",
            "Multidisziplinäre Besprechung",
            "Multidisciplinary consultation",
            (6, 9),
            ("physician", "nurse", "pharmacist", "physiotherapist"),
            None,
            ("25.00", "0.00"),
        ),
        Code(
            "794054",
            "Contact de case-management",
            "Contact casemanagement",
            "Kontakt im Case-Management",
            "Case-management contact",
            (3, 7),
            ("nurse", "social_worker", "psychologist", "occupational_therapist"),
            4,
            ("18.50", "0.00"),
        ),
        Code(
            "794076",
            "Revue de la médication",
            "Medicatienazicht",
            "Überprüfung der Medikation",
            "Medication review",
            (7, 10),
            ("pharmacist", "physician", "nurse"),
            1,
            ("45.00", "5.00"),
        ),
        Code(
            "794091",
            "Accompagnement à l'autogestion",
            "Begeleiding bij zelfmanagement",
            "Begleitung zur Selbstverantwortung",
            "Self-management coaching",
            (1, 5),
            ("dietitian", "nurse", "physiotherapist", "psychologist"),
        ),
        Code(
            "794113",
            "Soutien de l'aidant proche",
            "Ondersteuning van de mantelzorger",
            "Unterstützung pflegender Angehöriger",
            "Support of the informal carer",
            (2,),
            ("social_worker", "psychologist", "occupational_therapist"),
        ),
        Code(
            "794135",
            "Retour à domicile après hospitalisation",
            "Terugkeer naar huis na opname",
            "Rückkehr nach Hause nach Krankenhausaufenthalt",
            "Return home after a hospital stay",
            (7,),
            ("nurse", "physician", "physiotherapist"),
            None,
            ("32.00", "0.00"),
        ),
        Code(
            "794150",
            "Prévention des chutes à domicile",
            "Valpreventie thuis",
            "Sturzprävention zu Hause",
            "Fall prevention at home",
            (5,),
            ("occupational_therapist", "physiotherapist", "nurse"),
        ),
        Code(
            "794172",
            "Conseil nutritionnel",
            "Voedingsadvies",
            "Ernährungsberatung",
            "Nutrition advice",
            (1, 5),
            ("dietitian", "physician", "nurse"),
            None,
            ("22.00", "4.00"),
        ),
        Code(
            "794194",
            "Entretien psychosocial",
            "Psychosociaal gesprek",
            "Psychosoziales Gespräch",
            "Psychosocial conversation",
            (1, 4),
            ("psychologist", "social_worker", "physician"),
        ),
        Code(
            "794216",
            "Activité physique adaptée",
            "Aangepaste beweging",
            "Angepasste Bewegung",
            "Adapted physical activity",
            (1, 5),
            ("physiotherapist", "occupational_therapist", "dietitian"),
        ),
        Code(
            "794231",
            "Analyse de la télésurveillance",
            "Nazicht van de telemonitoring",
            "Auswertung der Fernüberwachung",
            "Review of remote monitoring",
            (7, 9),
            ("physician", "nurse", "pharmacist"),
            4,
            ("12.00", "0.00"),
        ),
    )
}
