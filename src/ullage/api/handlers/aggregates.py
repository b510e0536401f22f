"""Aggregates of a provider."""

from __future__ import annotations

from ullage.api import bodies, replies
from ullage.api.handlers import paths
from ullage.api.http import Call, Response, Write
from ullage.model.commands import AggregatesNow
from ullage.operations import labels
from ullage.operations.service import answered


def show(call: Call) -> Response:
    """GET /resource_providers/{uuid}/aggregates"""
    return replies.provider_aggregates(call, labels.aggregates_of(call.service, paths.provider_uuid(call)))


def update(call: Call) -> Write:
    """PUT /resource_providers/{uuid}/aggregates: they are shown as the body has them"""
    uuid = paths.provider_uuid(call)
    with paths.about_provider(call, uuid):
        body = paths.body(call, bodies.SET_AGGREGATES)
        command = bodies.set_aggregates(body, uuid)
    shown = bodies.aggregates_in_order(body)
    return Write(
        command,
        lambda now: replies.aggregates_now(call, AggregatesNow(answered(AggregatesNow, now).generation, shown)),
    )
