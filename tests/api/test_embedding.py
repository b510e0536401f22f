"""The application in a server that is not ours, as docs/operating/proxy.md says."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from pathlib import Path
from subprocess import run

from ullage.storage.unit import Store

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "proxy.md"


def test_what_the_page_says_answers_also_after_the_process_has_divided_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/u.db"
    store = Store.open(url)
    store.upgrade()
    store.close()
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    program = found[1] + textwrap.dedent(
        """
        import io, json, os

        def ask(method, path, body=b""):
            environ = {
                "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "wsgi.input": io.BytesIO(body),
                "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "HTTP_X_AUTH_TOKEN": "admin",
            }
            seen = []
            b"".join(application(environ, lambda status, headers: seen.append(status)))
            return seen[0]

        children = []
        for number in range(2):
            child = os.fork()
            if not child:
                said = ask("POST", "/resource_providers", json.dumps({"name": f"host{number}"}).encode())
                os._exit(0 if said == "201 Created" else 1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        print(ask("GET", "/resource_providers"))
        """
    )
    ended = run(
        [sys.executable, "-c", program],
        env=os.environ | {"ULLAGE_AUTH": "noauth2", "ULLAGE_DATABASE": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "200 OK\n", ended.stderr
