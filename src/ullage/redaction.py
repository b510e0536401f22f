"""What a log line may not hold, taken out where lines are written, whoever wrote them and with whatever in them.

Secrets that are known are hidden wherever they stand; others are known by their form, or by the word before them.
Text of an exception that came from outside (a body, a statement and its values) is cut away.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from types import TracebackType
from urllib.parse import quote, unquote

HIDDEN = "***"
SECRET_LENGTH_MIN = 6
"""A known secret that is shorter would hide half of each line, and hides nothing from somebody who guesses."""
EXCEPTION_LENGTH_MAX = 300
CHAIN_MAX = 8
FRAMES_MAX = 30

_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "credential", "authorization")
_FORMS = ("://", "bearer ", "basic ", "eyj", "gaaaa", "ullage_", "begin ", '{"', "{'", "duplicate entry", "key (")
_NAMED = rf"(?i)((?:{'|'.join(_WORDS)})[\w-]*(?:\\x22|[\"'])?\s*(?:[=:]|%3d|%3a)\s*)"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), HIDDEN),
    (re.compile(r"(://[^\s:/@\"']*):[^\s\"']*@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(_NAMED + r"(?:b?\"[^\"]*\"|b?'[^']*'|[^\s&;,\"'})\]]+)"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}"), HIDDEN),
    (re.compile(r"\bgAAAA[\w-]{20,}=*"), HIDDEN),
    (re.compile(r"ullage_[\w-]{20,}"), HIDDEN),
    (re.compile(r"(?s)\{b?[\"'].*"), f"{{{HIDDEN}}}"),
    (re.compile(r"(?i)(duplicate entry ).*( for key)"), rf"\1{HIDDEN}\2"),
    (re.compile(r"(?i)(key \([^)]*\)=)\(.*\)"), rf"\1({HIDDEN})"),
)
"""Each: what is looked for, and what stands there instead. The last two are what databases say of values."""
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
"""Whatever ends a line, steers a terminal, changes the order of letters, or cannot be written."""

_known: tuple[str, ...] = ()


def hide(secrets: Iterable[str]) -> None:
    """Hide these from now on, also in a form that a URL would have them in."""
    global _known
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), unquote(secret))}
    _known = tuple(
        sorted({*_known, *(form for form in forms if len(form) >= SECRET_LENGTH_MIN)}, key=len, reverse=True)
    )


def clean(text: str) -> str:
    """A text without secrets and on one line: what would end it or steer a terminal is escaped."""
    text = _without_known(text)
    lower = text.lower()
    # Nearly no line holds any of these, and looking for plain text costs a tenth of what a pattern costs.
    if any(form in lower for form in _FORMS) or any(word in lower for word in _WORDS):
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def clean_record(text: str) -> str:
    """JSON of this program's own making, such as a row of the audit trail, without secrets that are known and on one
    line. It stays JSON; what it holds is all meant to be told, so that nothing is taken for a secret by its form."""
    text = _without_known(text)
    return text if text.isprintable() else _UNSAFE.sub(_escape_json, text)


def _without_known(text: str) -> str:
    for secret in _known:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text


def _escape_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def told(error: BaseException | None) -> list[str]:
    """An exception and those that led to it, newest first: where in the code, and what it says, cut short.

    The first line of what it says is enough: later ones hold the statement and its values.
    """
    lines = ["  Traceback, newest call last:"]
    for _ in range(CHAIN_MAX):
        if error is None:
            break
        lines += [f"  {frame}" for frame in _frames(error.__traceback__)]
        lines.append(f"  {_said(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is not None:
            lines.append("  after:")
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    """Places in the code, without the folders that only say how a machine is laid out."""
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in frames]


def _said(error: BaseException) -> str:
    try:
        first = next(iter(str(error).splitlines()), "")
    except Exception:  # noqa: BLE001 # a log line must come out, whatever an exception does when asked
        first = "(says nothing)"
    return clean(f"{type(error).__name__}: {first[:EXCEPTION_LENGTH_MAX]}")
