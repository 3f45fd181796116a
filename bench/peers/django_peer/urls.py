"""The routes."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.peers.django_peer.views import Inclusions


def live(_: HttpRequest) -> JsonResponse:
    """Whether it runs."""
    return JsonResponse({"live": True})


urlpatterns = [path("live", live), path("v1/inclusions", Inclusions.as_view())]
