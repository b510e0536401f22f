"""A served session whose askers bring access tokens."""

from __future__ import annotations

from pathlib import Path

import httpx
import issuer as issuers
from issuer import Issuer, new_rsa
from serving import UllageServer

VERSION = {"openstack-api-version": "placement 1.39"}
CONSUMER = "/allocations/9f9c2b9e-55a5-4cb8-9b7a-3d2c2c9b7a10"


def test_tokens_over_http(tmp_path: Path) -> None:
    with Issuer() as issuer:
        admin, stranger = issuer.token(), issuer.token(roles=[], sub="user-2")
        forged = issuer.token(new_rsa())
        server = UllageServer(
            f"sqlite:///{tmp_path}/ullage.db", auth="oidc", oidc_issuer=issuer.url, oidc_audience=issuers.AUDIENCE
        )
        with server, httpx.Client(base_url=server.url, headers=VERSION) as client:

            def status(method: str, path: str, token: str) -> int:
                return client.request(method, path, headers={"authorization": f"Bearer {token}"}).status_code

            refused = client.get("/resource_providers")
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="ullage"')
            assert status("DELETE", CONSUMER, admin) == 404  # brief: it waits for the keys in a thread
            assert status("GET", "/resource_providers", admin) == 200
            assert status("GET", "/resource_providers", stranger) == 403
            assert status("GET", "/resource_providers", forged) == 401
            issuer.stop()
            assert status("GET", "/resource_providers", issuer.token(jti="1")) == 200  # its keys are known
        with server:
            gone = httpx.get(f"{server.url}/resource_providers", headers={"authorization": f"Bearer {admin}"})
            assert (gone.status_code, gone.headers["retry-after"]) == (503, "1")
            assert issuer.url not in gone.text
        log = server.finished_log
        assert "the issuer of access tokens did not tell who asks: ConnectError" in log
        assert not [token for token in (admin, stranger, forged) if token.rpartition(".")[2] in log]
