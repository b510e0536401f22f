"""Servers that are there and cannot write: full, or turned into one that only reads. Nobody is told 500."""

from __future__ import annotations

import contextlib
import logging
import re

import pytest

from api.client import Client
from api.stand import error, header
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.storage.unit import Store
from ullage.wiring import build_service

SAYING = {
    "postgresql": [
        "CREATE FUNCTION saying() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no such luck' USING ERRCODE = '{code}'; END $$",
        "CREATE TRIGGER saying BEFORE INSERT ON traits FOR EACH ROW EXECUTE FUNCTION saying()",
    ],
    "mariadb": [
        "CREATE TRIGGER saying BEFORE INSERT ON traits FOR EACH ROW "
        "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'no such luck'"
    ],
}
FULL = {"postgresql": ("53100", "53200"), "mariadb": (1021, 1030, 1041, 1114)}
ONLY_READS = {"postgresql": ("25006", "0A000"), "mariadb": (1290, 1836)}
PUT = ("PUT", "/traits/CUSTOM_QUICK")


@pytest.mark.databases("postgresql", "mariadb")
def test_a_server_that_cannot_write_is_told_as_such_and_written_to_when_it_can(
    database_url: str, database_name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    settings = Settings(database=database_url, auth="noauth2")
    service = build_service(settings)
    client = Client(App(service, settings, ROUTES))
    service.committer._attempts = 2
    with contextlib.closing(Store.open(database_url)) as store, contextlib.closing(service.store):
        for code in (*FULL[database_name], *ONLY_READS[database_name]):
            with store.writing_engine.connect() as connection:
                for statement in SAYING[database_name]:
                    connection.exec_driver_sql(statement.format(code=code))
            response = client.ask(*PUT)
            assert response.status == 503, (code, response.body)
            assert header(response, "retry-after") == "1"
            assert "no such luck" not in error(response)["detail"]
            assert "no such luck" in caplog.text
            assert not re.search("INSERT INTO", response.body.decode() + caplog.text)
            caplog.clear()
            with store.writing_engine.connect() as connection:
                on = " ON traits" if database_name == "postgresql" else ""
                connection.exec_driver_sql(f"DROP TRIGGER saying{on}")
                if database_name == "postgresql":
                    connection.exec_driver_sql("DROP FUNCTION saying")
        assert client.ask(*PUT).status == 201
        service.committer.stop()
