"""HTTP that is odd: what the page says is made of it, and that no proxy is made to let anything through by it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from nginx import Nginx
from serving import UllageServer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "validation.md"
ADMIN = b"X-Auth-Token: admin\r\n"
HEAD = ADMIN + b"Host: example.org\r\nOpenStack-API-Version: placement 1.2\r\nContent-Type: application/json\r\n"
GET = b"GET /resource_classes HTTP/1.1\r\n"
MADE = b"POST /resource_classes HTTP/1.1\r\n"
BODY = b'{"name":"CUSTOM_A"}'
CHUNKED = b"13\r\n%s\r\n0\r\n\r\n" % BODY
NEXT = b"GET /next HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
"""What follows on the connection; answered 404."""
END = b"\r\n" + NEXT


def body(framing: bytes, sent: bytes) -> bytes:
    """A request that makes a class, with this framing and these bytes after its head, and the next one."""
    return MADE + HEAD + framing + b"\r\n" + sent + NEXT


def asked(target: bytes) -> bytes:
    """A question of this target, and the next one."""
    return b"GET " + target + b" HTTP/1.1\r\n" + HEAD + END


TAKEN: dict[str, list[tuple[bytes, list[int]]]] = {
    "no `Host`, or several": [
        (GET + HEAD.replace(b"Host: example.org\r\n", b"") + END, [200, 404]),
        (GET + HEAD + b"Host: elsewhere\r\n" + END, [200, 404]),
    ],
    "lines of a head that end in LF alone": [((GET + HEAD).replace(b"\r\n", b"\n") + b"\n" + NEXT, [200, 404])],
    "empty lines before a request": [(b"\r\n\r\n" + GET + HEAD + END, [200, 404])],
    "a target with scheme and host": [(asked(b"https://elsewhere:99/resource_classes"), [200, 404])],
    "a target without a slash": [(asked(b"resource_classes"), [200, 404]), (asked(b"example.org:80"), [200, 404])],
    "`#` in a target": [(asked(b"/resource_classes#/../a"), [200, 404])],
    "letters and slashes of a path that are percent-encoded": [
        (asked(b"/%72esource_classes"), [200, 404]),
        (asked(b"/resource_classes%2FVCPU"), [200, 404]),
    ],
    "`//`, `/./` and `/../` in a path, encoded or not": [
        (asked(target), [404, 404])
        for target in (
            b"//resource_classes",
            b"/a/../resource_classes",
            b"/%2e/resource_classes",
            b"/%2Fresource_classes",
        )
    ],
    "`Content-Length` beside `Transfer-Encoding`": [
        (body(b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", CHUNKED), [201]),
        (body(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKED), [201]),
    ],
    "the same `Content-Length` twice": [(body(b"Content-Length: 19\r\n" * 2, BODY), [201, 404])],
    "codings before `chunked`": [
        (body(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKED), [201, 404]),
        (body(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", CHUNKED), [201, 404]),
    ],
    "extensions of chunks": [(body(b"Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"13", b"13;a=b")), [201, 404])],
    "`Upgrade`, and `Expect` of anything else": [
        (GET + HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + END, [200, 404]),
        (body(b"Expect: 200-maybe\r\nContent-Length: 19\r\n", BODY), [201, 404]),
    ],
    "a header that comes several times": [
        (GET + HEAD + ADMIN + END, [403, 404]),  # "admin,admin" is nobody
        (GET + HEAD + b"OpenStack-API-Version: placement 9.9\r\n" + END, [406, 404]),
        (body(b"Content-Type: application/json\r\nContent-Length: 19\r\n", BODY), [415, 404]),
    ],
    "underscores in the name of a header": [(GET + HEAD.replace(b"X-Auth-T", b"X_Auth_T") + END, [401, 404])],
}
"""Rows of the page -> what is sent, and the statuses of what is answered on that connection."""

REFUSED = {
    **{
        f"framing {framing!r}": body(framing, sent)
        for framing, sent in (
            (b"Transfer-Encoding: identity\r\n", CHUNKED),
            (b"Transfer-Encoding: xchunked\r\n", CHUNKED),
            (b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
            (b"Transfer-Encoding : chunked\r\n", CHUNKED),
            (b"Transfer-Encoding: xchunked\r\nContent-Length: 19\r\n", BODY),
            (b"Content-Length: 19, 19\r\n", BODY),
            (b"Content-Length: +19\r\n", BODY),
            (b"Content-Length: 19\r\nContent-Length: 0\r\n", BODY),
            (b"Content-Length: 18446744073709551635\r\n", BODY),
        )
    },
    **{
        f"chunk {size!r}": body(b"Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"13\r\n", size, 1))
        for size in (b"0x13\r\n", b"+13\r\n", b"-13\r\n", b"13\n", b"13;\n", b"10000000000000013\r\n")
    },
    "a chunk that is longer than it says": body(
        b"Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"}\r\n", b"} \r\n")
    ),
    "chunks in HTTP/1.0": body(b"Transfer-Encoding: chunked\r\n", CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    **{
        f"line {line!r}": GET + HEAD + line + b"\r\n" + END
        for line in (b"X: a\r\n b", b"X: a\0", b"X: a\rY: b", b"X : a", b": a", b"X(y): a", "X\u00e9: a".encode())
    },
    "a blank before the method": b" " + GET + HEAD + END,
    "a blank in the target": asked(b"/resource_classes a"),
    "NUL in the target": asked(b"/resource_classes\0"),
}


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UllageServer]:
    with UllageServer(f"sqlite:///{tmp_path_factory.mktemp('odd')}/odd.db") as server:
        yield server
    assert "Traceback" not in server.finished_log


def statuses(connection: socket.socket, data: bytes) -> list[int]:
    """Those of all that is answered to these bytes until the other side closes."""
    connection.settimeout(60)
    answered = b""
    try:
        connection.sendall(data)
        while received := connection.recv(65536):
            answered += received
    except ConnectionResetError:
        pass  # it closed without reading the rest
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answered)]


def answered(server: UllageServer, data: bytes) -> list[int]:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        return statuses(connection, data)


def test_the_page_has_each_row_that_is_tried_and_no_other() -> None:
    section = PAGE.read_text().partition("## Odd HTTP")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| (.+?) \| ", section, flags=re.MULTILINE)) == sorted(["what", *TAKEN])


@pytest.mark.parametrize("row", TAKEN)
def test_what_is_odd_and_harmless_is_taken_as_the_page_says(server: UllageServer, row: str) -> None:
    for number, (data, expected) in enumerate(TAKEN[row]):
        name = b"CUSTOM_%c" % (ord("A") + number)
        found = answered(server, data.replace(b"CUSTOM_A", name))
        assert [201 if status == 409 else status for status in found] == expected, data  # 409: it was made before


@pytest.mark.parametrize("what", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(server: UllageServer, what: str) -> None:
    assert answered(server, REFUSED[what]) == [400]


FORGED = b"X-SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-S-DN: CN=admin,O=Example\r\n"
HIDDEN = GET + b"Host: example.org\r\nOpenStack-API-Version: placement 1.2\r\n" + FORGED + b"Connection: close\r\n\r\n"
FRAMINGS = (
    b"Content-Length: %d\r\n",
    b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n",
    b"Content-Length: %d\r\nTransfer-Encoding: identity, chunked\r\n",
    b"Content-Length: %d\r\nTransfer_Encoding: chunked\r\n",
    b"Content-Length: %d\r\nTransfer-Encoding:\x0bchunked\r\n",
    b"Content-Length: %d\r\nContent-Length: 0\r\n",
    b"Content_Length: 0\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: %d\r\nExpect: 100-continue\r\n",
)


def test_no_request_is_smuggled_past_a_proxy_that_says_whose_certificate_it_saw(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    shown = authority.signed("reader", subject="/O=Example/CN=reader")
    file = tmp_path / "certificates.toml"
    file.write_text(
        '["CN=admin,O=Example"]\nuser = "admin"\nroles = ["admin"]\n["CN=reader,O=Example"]\nuser = "reader"\n'
    )
    options: dict[str, Any] = {
        "auth": "certificates,tokens",
        "certificates_file": file,
        "certificates_proxies": "127.0.0.1",
    }
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(*shown)
    head = HEAD.replace(ADMIN, b"")
    with UllageServer(f"sqlite:///{tmp_path}/a.db", **options) as server, Nginx(authority, server.url) as proxy:
        assert answered(server, HIDDEN) == [200]  # the proxy's address is believed, so it is the proxy that must not
        tried = [
            GET + head + FORGED + more + b"Connection: close\r\n\r\n" for more in (b"", FORGED.replace(b"-", b"_"))
        ]
        tried.append(GET + head + b"Connection: close, X-SSL-Client-Verify, X-SSL-Client-S-DN\r\n\r\n")
        for framing in FRAMINGS:
            for sent in (HIDDEN, b"0\r\n\r\n" + HIDDEN, b"0\n\n" + HIDDEN, b"0;\n\r\n" + HIDDEN, b"1\r\n\r\n" + HIDDEN):
                tried.append(MADE + head + framing.replace(b"%d", b"%d" % len(sent)) + b"\r\n" + sent)
                tried[-1] += GET + head + b"Connection: close\r\n\r\n"
        for data in tried:
            plain = socket.create_connection(("127.0.0.1", proxy.port))
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                found = statuses(connection, data)
            assert found, data
            assert not {200, 201} & set(found), data
    assert server.finished_log.count('"GET /resource_classes" status: 200 ') == 1  # the direct one
