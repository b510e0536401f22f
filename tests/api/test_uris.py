"""Strict reading of paths, queries and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ullage.api import uris


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/a", "/a"),
        (b"//a/", "//a/"),
        (b"", ""),
        (b"/%e2%98%83", "/☃"),
        (b"/a%2Fb", "/a/b"),
        (b"/a+b", "/a+b"),
        (b"/%zz", "/%zz"),
        (b"/a%00", "/a\0"),
        (b"/%ff", "/\N{REPLACEMENT CHARACTER}"),
        (b"/%c0%af", "/\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_path_is_decoded_and_nothing_else(raw: bytes, path: str) -> None:
    assert uris.decode_path(raw) == path


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a", {"a": [""]}),
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a=b=c", {"a": ["b=c"]}),
        (b"a=1+2%2B3", {"a": ["1 2+3"]}),
        (b"a=1;b=2", {"a": ["1;b=2"]}),
        (b"%61=%e2%98%83", {"a": ["☃"]}),
        ("a=☃".encode(), {"a": ["☃"]}),
        (b"a=%zz", {"a": ["%zz"]}),
    ],
)
def test_a_query_keeps_every_value_of_every_key(raw: bytes, query: dict[str, list[str]]) -> None:
    assert uris.decode_query(raw) == query


@pytest.mark.parametrize("raw", [b"a=%ff", b"%ff=a", b"a=%ed%a0%80", b"a=\xff", b"a=1&b=%c0%af"])
def test_a_query_that_is_no_text_is_unreadable(raw: bytes) -> None:
    with pytest.raises(uris.QueryUnreadable, match="UTF-8"):
        uris.decode_query(raw)


@pytest.mark.parametrize("raw", [b"a=%00", b"%00", b"a=x%00y"])
def test_a_query_with_a_nul_is_unreadable(raw: bytes) -> None:
    with pytest.raises(uris.QueryUnreadable, match="NUL"):
        uris.decode_query(raw)


def test_the_sentence_about_an_unreadable_query_is_short() -> None:
    with pytest.raises(uris.QueryUnreadable) as caught:
        uris.decode_query(b"a=" + b"%ff" * 20_000)
    assert len(str(caught.value)) < 200


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_query_or_are_refused(raw: bytes) -> None:
    try:
        query = uris.decode_query(raw)
    except uris.QueryUnreadable:
        return
    assert sum(len(values) for values in query.values()) == sum(1 for pair in raw.split(b"&") if pair)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("example.org", "http://example.org/m"),
        ("example.org:8778", "http://example.org:8778/m"),
        ("10.0.0.1:1", "http://10.0.0.1:1/m"),
        ("[::1]:8778", "http://[::1]:8778/m"),
        ("under_score", "http://under_score/m"),
        (None, "http://served:1/m"),
        ("", "http://served:1/m"),
        ("e vil", "http://served:1/m"),
        ("evil/<x>", "http://served:1/m"),
        ("evil@host", "http://served:1/m"),
        ("a,b", "http://served:1/m"),
        ("a:123456", "http://served:1/m"),
        ("a" * 300, "http://served:1/m"),
        ("evil\r\nx: y", "http://served:1/m"),
    ],
)
def test_locations_begin_with_the_host_asked_for_if_it_can_be_one(host: str | None, url: str) -> None:
    assert uris.base_url("http", host, "served:1", "/m") == url


@pytest.mark.parametrize(
    ("path", "below"),
    [("/m/a", "/a"), ("/m", ""), ("/m/", "/"), ("/ma", "/ma"), ("/a", "/a"), ("", "")],
)
def test_the_mount_point_is_cut_off_if_nobody_has_done_so_yet(path: str, below: str) -> None:
    assert uris.below_mount(path, "/m") == below
