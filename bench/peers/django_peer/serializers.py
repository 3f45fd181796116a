"""What comes in and what goes out, as serializers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from bench.peers.veil import is_ssin


class StrictSerializer(serializers.Serializer):
    """Refuses members that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        """What was sent, checked."""
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(dict.fromkeys(unknown, "unknown-member"))
        return super().to_internal_value(data)


class AgreementSerializer(StrictSerializer):
    """The beneficiary's agreement."""

    agreed_on = serializers.DateField()
    informed = serializers.BooleanField()
    in_target_group = serializers.BooleanField()


class InclusionRequestSerializer(StrictSerializer):
    """What communicates an inclusion."""

    project = serializers.RegexField(r"^[a-z0-9-]{1,40}$")
    ssin = serializers.RegexField(r"^[0-9]{11}$")
    agreement = AgreementSerializer()
    municipality = serializers.RegexField(r"^[0-9]{5}$", required=False)

    def validate_ssin(self, value: str) -> str:
        """The check digits."""
        if not is_ssin(value):
            raise serializers.ValidationError("invalid-ssin")
        return value


class DeliverySerializer(serializers.Serializer):
    """Where the message stands."""

    status = serializers.CharField()


class InclusionReceiptSerializer(serializers.Serializer):
    """The answer."""

    id = serializers.UUIDField()
    project = serializers.CharField()
    status = serializers.CharField()
    communicated_at = serializers.DateTimeField()
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(allow_null=True)
    convention_last_day = serializers.DateField()
    agreement = AgreementSerializer()
    delivery = DeliverySerializer()
    receipt = serializers.CharField()
