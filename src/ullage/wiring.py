"""From settings to a running service: the one module that knows every layer."""

from __future__ import annotations

from ullage.api import openapi
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.model.request import Strategy
from ullage.operations.mirror import Mirror
from ullage.operations.service import SearchOptions, Service
from ullage.operations.turns import Turns
from ullage.settings import Settings
from ullage.storage.audit.chain import Detail
from ullage.storage.committer import Committer
from ullage.storage.unit import Store


def build_service(settings: Settings) -> Service:
    """The parts of one process. Nothing connects and no thread starts before the first use, so that a process may
    still divide itself."""
    # Every thread has a connection, or it would make one anew for each read; one more is for reading in advance.
    store = Store.open(settings.database, pool_size=settings.threads + 1)
    searching = Turns(settings.threads // 2)
    committer = Committer(
        store,
        queue_max=settings.queue_max,
        deadline_seconds=settings.write_deadline_seconds,
        audit=settings.audit,
        detail=Detail.chosen(with_values=settings.audit_log_values),
        stand_aside=searching.stand_aside,
    )
    return Service(
        store=store,
        committer=committer,
        mirror=Mirror(store),
        search_options=SearchOptions(
            candidates_max=settings.candidates_max,
            work_max=settings.search_work_max,
            strategy=Strategy(settings.candidates_strategy),
            randomise=settings.candidates_randomise,
        ),
        searching=searching,
        incomplete_consumer_project=settings.incomplete_consumer_project,
        incomplete_consumer_user=settings.incomplete_consumer_user,
    )


def build_app(settings: Settings) -> App:
    """The application with a service of its own."""
    return App(build_service(settings), settings, (*ROUTES, *openapi.routes(ROUTES)))
