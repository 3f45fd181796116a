"""What comes in and what goes out, as pydantic models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, StringConstraints

from bench.peers.veil import is_ssin


def _checked(text: str) -> str:
    if not is_ssin(text):
        raise ValueError("invalid-ssin")
    return text


Ssin = Annotated[str, StringConstraints(pattern=r"^[0-9]{11}$"), AfterValidator(_checked)]


class Agreement(BaseModel):
    """The beneficiary's agreement."""

    model_config = ConfigDict(extra="forbid")
    agreed_on: dt.date
    informed: StrictBool
    in_target_group: StrictBool


class InclusionRequest(BaseModel):
    """What communicates an inclusion."""

    model_config = ConfigDict(extra="forbid")
    project: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
    ssin: Ssin
    agreement: Agreement
    municipality: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")] | None = None


class Delivery(BaseModel):
    """Where the message stands."""

    status: Literal["pending"] = "pending"


class InclusionReceipt(BaseModel):
    """The answer."""

    id: UUID
    project: str
    status: str
    communicated_at: dt.datetime
    valid_from: dt.date
    valid_until: dt.date | None
    convention_last_day: dt.date
    agreement: Agreement
    delivery: Delivery
    receipt: str
