"""Every route of the Placement API but `/`; `placement:` begins the name of each policy rule."""

from __future__ import annotations

from typing import Any

from ullage.api.handlers import (
    aggregates,
    allocations,
    candidates,
    inventories,
    providers,
    resource_classes,
    traits,
    usages,
)
from ullage.api.http import Handler, Route
from ullage.api.versions import Feature

PROVIDER = "/resource_providers/{uuid}"


def _get(path: str, handler: Handler, rule: str, **more: Any) -> Route:
    return Route("GET", path, handler, f"placement:{rule}", gives_json=True, **more)


def _part(path: str, handler: Handler, rule: str, **more: Any) -> Route:
    """A GET of what belongs to a provider; clients know it to answer with `vary` also when there is no provider."""
    return _get(path, handler, rule, missing_has_vary=True, **more)


def _send(method: str, path: str, handler: Handler, rule: str, **more: Any) -> Route:
    return Route(method, path, handler, f"placement:{rule}", reads_json=True, **more)


def _bare(method: str, path: str, handler: Handler, rule: str, **more: Any) -> Route:
    """A route that neither reads nor gives a body."""
    return Route(method, path, handler, f"placement:{rule}", **more)


ROUTES: tuple[Route, ...] = (
    # Resource classes
    _get(
        "/resource_classes",
        resource_classes.list_all,
        "resource_classes:list",
        since=Feature.RESOURCE_CLASSES,
    ),
    _send(
        "POST",
        "/resource_classes",
        resource_classes.create,
        "resource_classes:create",
        since=Feature.RESOURCE_CLASSES,
    ),
    _get(
        "/resource_classes/{name}",
        resource_classes.show,
        "resource_classes:show",
        since=Feature.RESOURCE_CLASSES,
    ),
    _send(
        "PUT",
        "/resource_classes/{name}",
        resource_classes.update,
        "resource_classes:update",
        since=Feature.RESOURCE_CLASSES,
        bodiless_since=Feature.ENSURE_RESOURCE_CLASS,
    ),
    _bare(
        "DELETE",
        "/resource_classes/{name}",
        resource_classes.delete,
        "resource_classes:delete",
        since=Feature.RESOURCE_CLASSES,
        trouble="Error in delete resource class",
    ),
    # Providers
    _get("/resource_providers", providers.list_all, "resource_providers:list"),
    _send(
        "POST",
        "/resource_providers",
        providers.create,
        "resource_providers:create",
        is_brief=True,
        trouble='Unable to create resource provider "{name}", {uuid}',
    ),
    _get(PROVIDER, providers.show, "resource_providers:show"),
    _send(
        "PUT",
        PROVIDER,
        providers.update,
        "resource_providers:update",
        trouble="Unable to save resource provider {uuid}",
    ),
    _bare("DELETE", PROVIDER, providers.delete, "resource_providers:delete"),
    # Inventories
    _part(f"{PROVIDER}/inventories", inventories.list_all, "resource_providers:inventories:list"),
    _send(
        "POST",
        f"{PROVIDER}/inventories",
        inventories.add,
        "resource_providers:inventories:create",
        trouble="Unable to create inventory for resource provider {uuid}",
    ),
    _send(
        "PUT",
        f"{PROVIDER}/inventories",
        inventories.set_all,
        "resource_providers:inventories:update",
        is_brief=True,
        trouble="Unable to update inventory for resource provider {uuid}",
    ),
    _bare(
        "DELETE",
        f"{PROVIDER}/inventories",
        inventories.clear,
        "resource_providers:inventories:delete",
        since=Feature.DELETE_ALL_INVENTORIES,
        before=405,
    ),
    _part(
        f"{PROVIDER}/inventories/{{resource_class}}",
        inventories.show,
        "resource_providers:inventories:show",
    ),
    _send(
        "PUT",
        f"{PROVIDER}/inventories/{{resource_class}}",
        inventories.update,
        "resource_providers:inventories:update",
        trouble="Unable to update inventory for resource provider {uuid}",
    ),
    _bare(
        "DELETE",
        f"{PROVIDER}/inventories/{{resource_class}}",
        inventories.delete,
        "resource_providers:inventories:delete",
        trouble="Unable to delete inventory of class {resource_class}",
    ),
    # What else there is to know of a provider
    _part(f"{PROVIDER}/usages", usages.of_provider, "resource_providers:usages"),
    _get(
        f"{PROVIDER}/aggregates",
        aggregates.show,
        "resource_providers:aggregates:list",
        since=Feature.AGGREGATES,
    ),
    _send(
        "PUT",
        f"{PROVIDER}/aggregates",
        aggregates.update,
        "resource_providers:aggregates:update",
        since=Feature.AGGREGATES,
        is_brief=True,
    ),
    _part(f"{PROVIDER}/allocations", allocations.list_of_provider, "resource_providers:allocations:list"),
    _part(f"{PROVIDER}/traits", traits.list_of_provider, "resource_providers:traits:list", since=Feature.TRAITS),
    _send(
        "PUT",
        f"{PROVIDER}/traits",
        traits.set_of_provider,
        "resource_providers:traits:update",
        since=Feature.TRAITS,
        is_brief=True,
    ),
    _bare(
        "DELETE",
        f"{PROVIDER}/traits",
        traits.clear_of_provider,
        "resource_providers:traits:delete",
        since=Feature.TRAITS,
    ),
    # Traits
    _get("/traits", traits.list_all, "traits:list", since=Feature.TRAITS),
    _bare("GET", "/traits/{name}", traits.show, "traits:show", since=Feature.TRAITS),
    _bare("PUT", "/traits/{name}", traits.ensure, "traits:update", since=Feature.TRAITS),
    _bare("DELETE", "/traits/{name}", traits.delete, "traits:delete", since=Feature.TRAITS),
    # Claims
    _send(
        "POST",
        "/allocations",
        allocations.claim_several,
        "allocations:manage",
        since=Feature.POST_ALLOCATIONS,
        is_brief=True,
        trouble="Unable to allocate inventory",
    ),
    _get("/allocations/{consumer_uuid}", allocations.show, "allocations:list"),
    _send(
        "PUT",
        "/allocations/{consumer_uuid}",
        allocations.claim,
        "allocations:update",
        is_brief=True,
        trouble="Unable to allocate inventory for consumer {consumer_uuid}",
    ),
    _bare("DELETE", "/allocations/{consumer_uuid}", allocations.release, "allocations:delete", is_brief=True),
    _send(
        "POST",
        "/reshaper",
        allocations.reshape,
        "reshaper:reshape",
        since=Feature.RESHAPER,
        trouble="Unable to allocate inventory",
    ),
    # Questions
    _get(
        "/allocation_candidates",
        candidates.find,
        "allocation_candidates:list",
        since=Feature.ALLOCATION_CANDIDATES,
    ),
    _get("/usages", usages.of_project, "usages", since=Feature.PROJECT_USAGES, names_project=True),
)
