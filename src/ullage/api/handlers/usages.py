"""Usages: what is used of a provider, and what a project uses."""

from __future__ import annotations

from ullage.api import queries, replies
from ullage.api.handlers import paths
from ullage.api.http import Call, Response
from ullage.operations import allocations, inventories


def of_provider(call: Call) -> Response:
    """GET /resource_providers/{uuid}/usages"""
    return replies.provider_usages(call, inventories.show(call.service, paths.provider_uuid(call)))


def of_project(call: Call) -> Response:
    """GET /usages"""
    asked = queries.usages(call.query, call.version)
    found = allocations.usages(call.service, asked.project, asked.user, asked.consumer_type)
    return replies.usages(call, found, asked.together)
