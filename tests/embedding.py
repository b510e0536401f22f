"""Ullage in this process, whole: from a database's url to a WSGI application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.api.wsgi import Application, wsgi_application
from ullage.settings import Settings
from ullage.wiring import build_service


@contextmanager
def application(url: str, **options: Any) -> Iterator[Application]:
    """An application on a database that has Ullage's schema; its threads and connections end with the block."""
    settings = Settings(database=url, auth="noauth2", **options)
    service = build_service(settings)
    try:
        yield wsgi_application(App(service, settings, ROUTES))
    finally:
        service.committer.stop()
        service.store.close()
