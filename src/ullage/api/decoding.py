"""Bytes to a typed body.

msgspec is the only judge of a body. When it refuses, a second look with the standard parser forgives what msgspec's
strictness alone refuses (`1.0` and `1e2` as integers, an overwritten bad value of a repeated key), and if the body is
still refused, jsonschema words the refusal, because clients match its sentences. Both second steps have a size limit,
so that a refusal never costs much more than reading the body did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from ullage.api.uuids import is_any_spelling
from ullage.model.errors import BadInput

Body_co = TypeVar("Body_co", covariant=True)
Schema = Mapping[str, Any]

SECOND_LOOK_BYTES_MAX = 1024 * 1024
"""Larger bodies get msgspec's judgement as it is."""
WORDING_BYTES_MAX = 64 * 1024
"""Larger bodies are refused in msgspec's words."""
WEIGHED_FAULTS_MAX = 200
"""Of how many faults of one body the most telling is chosen."""
MESSAGE_LENGTH_MAX = 2000
INTEGER_64_MAX = 2**63 - 1
INTEGER_64_MIN = -(2**63)

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or is_any_spelling(value)


def _has_unique_items(
    validator: object, unique: bool, instance: object, schema: Schema
) -> Iterator[ValidationError]:  # jsonschema's own is quadratic for lists of mixed types
    if (
        unique
        and isinstance(instance, list)
        and len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance)
    ):
        yield ValidationError(f"{instance!r} has non-unique elements")


_Validator = extend(Draft202012Validator, {"uniqueItems": _has_unique_items})  # type: ignore[no-untyped-call] # theirs


@dataclass(frozen=True)
class Wording:
    """A JSON schema that says in jsonschema's sentences what is wrong with a value."""

    schema: Schema
    formats: FormatChecker = _FORMATS
    _validator: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_validator", _Validator(self.schema, format_checker=self.formats))

    def fault(self, value: object) -> str | None:
        """What is wrong with a value, or None if the schema has nothing against it."""
        error = best_match(islice(self._validator.iter_errors(value), WEIGHED_FAULTS_MAX))
        if error is None:
            return None
        schema_path = "".join(f"[{step!r}]" for step in list(error.absolute_schema_path)[:-1])
        instance_path = "".join(f"[{step!r}]" for step in error.absolute_path)
        message = shortened(error.message)
        return (
            f"{message}\n\nFailed validating {error.validator!r} in schema{schema_path}\n\nOn instance{instance_path}"
        )


def shortened(text: str) -> str:
    """A text that may hold a whole body, cut to a length that an error message can bear."""
    return text if len(text) <= MESSAGE_LENGTH_MAX else f"{text[:MESSAGE_LENGTH_MAX]}..."


class Shape(Generic[Body_co]):
    """One wire shape of a body: the type that judges it and the schema that words what is wrong with it."""

    def __init__(self, kind: Any, schema: Schema) -> None:
        """`kind` is anything msgspec takes for a type; the type checkers have no name for that."""
        self.kind = kind
        self.wording = Wording(schema)
        self._decoder: msgspec.json.Decoder[Body_co] = msgspec.json.Decoder(kind)

    def decode(self, body: bytes) -> Body_co:
        """The body as a typed value; raises BadInput, which names the field, if it is none."""
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as refusal:
            return self._second_look(body, refusal)

    def _second_look(self, body: bytes, refusal: Exception) -> Body_co:
        if len(body) > SECOND_LOOK_BYTES_MAX:
            _refuse(refusal)
        try:
            value = _parsed(body)
            judged: Body_co = msgspec.convert(value, self.kind)
        except RecursionError:
            raise BadInput("Malformed JSON: nested too deeply") from None
        except msgspec.ValidationError as error:
            raise BadInput(f"JSON does not validate: {self._fault(body, value) or error}") from error
        return judged

    def _fault(self, body: bytes, value: object) -> str | None:
        if len(body) > WORDING_BYTES_MAX:
            return None
        try:
            return self.wording.fault(value)
        except RecursionError:  # it prints values of any depth
            return None


def _parsed(body: bytes) -> Any:
    """What the standard parser makes of a body; the last of repeated keys wins."""
    try:
        value = json.loads(body.decode(), parse_float=_integral_if_it_is, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair passes the parser, but no encoder
    except UnicodeEncodeError:
        raise BadInput("Malformed JSON: a string holds half of a surrogate pair") from None
    except ValueError as error:
        raise BadInput(f"Malformed JSON: {shortened(str(error))}") from error
    return value


def _refuse(refusal: Exception) -> NoReturn:
    prefix = "JSON does not validate" if isinstance(refusal, msgspec.ValidationError) else "Malformed JSON"
    raise BadInput(f"{prefix}: {refusal}") from refusal


def _integral_if_it_is(digits: str) -> int | float:
    """`1.0` and `1e2` count as the integers they equal."""
    number = float(digits)
    if number.is_integer() and INTEGER_64_MIN <= number <= INTEGER_64_MAX:
        return int(number)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
