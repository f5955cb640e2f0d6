"""What browsers send of forms: made into the same models as the JSON API's bodies; refusals field by field, in words."""

import types
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from admin_api.console.catalogues import N_
from admin_api.security.problems import FieldProblem, Problem

M = TypeVar("M", bound=BaseModel)

_REQUIRED = N_("is required")
_WORDS = {
    "missing": _REQUIRED,
    "string_too_short": N_("must have at least %(min_length)s characters"),
    "string_too_long": N_("may have at most %(max_length)s characters"),
    "string_pattern_mismatch": N_("does not have the right form"),
    "int_type": N_("must be a whole number"),
    "int_parsing": N_("must be a whole number"),
    "float_type": N_("must be a number"),
    "float_parsing": N_("must be a number"),
    "greater_than": N_("must be more than %(gt)s"),
    "greater_than_equal": N_("must be at least %(ge)s"),
    "less_than": N_("must be less than %(lt)s"),
    "less_than_equal": N_("must be at most %(le)s"),
    "literal_error": N_("is none of the choices"),
    "too_short": N_("choose at least %(min_length)s"),
    "too_long": N_("choose at most %(max_length)s"),
    "datetime_from_date_parsing": N_("must be a date and a time"),
    "datetime_parsing": N_("must be a date and a time"),
    "date_from_datetime_parsing": N_("must be a date"),
    "ip_any_address": N_("must be an IP address"),
    "taken": N_("is taken by another row"),
}


class FormProblem(Problem):
    """A form that does not fit its model. found: pydantic's errors, with the limits that were broken."""

    def __init__(self, error: ValidationError) -> None:
        errors = [
            FieldProblem(place="body", field=".".join(map(str, e["loc"])), code=e["type"], message=e["msg"])
            for e in error.errors()
        ]
        super().__init__(422, "invalid", "some fields are not right yet", "部分内容填写有误", errors=errors)
        self.found = error.errors()


async def sent_form(request: Request) -> FormData:
    """The fields that the browser sent; files are refused by their size before."""
    return await request.form(max_files=4, max_fields=3000)


def parse(model: type[M], sent: Mapping[str, Any], **given: Any) -> M:
    """The model from a form's texts: numbers and boxes become what the model wants, empty optional fields None.

    given: values that the page knows better than the form. A field that the form does not have keeps the model's default,
    except for a box: not ticked is not sent. Raises FormProblem.
    """
    values: dict[str, Any] = {}
    for name, about in model.model_fields.items():
        if name in given:
            continue
        wanted, is_optional = _kind(about.annotation)
        if wanted is bool:
            if name in sent or f"{name}.box" in sent:
                values[name] = sent.get(name) in ("on", "1", "true")
        elif wanted is list:
            if name in sent or f"{name}.box" in sent:
                values[name] = _many(sent, name, about.annotation)
        elif name in sent:
            values[name] = _one(str(sent[name]), wanted, is_optional)
    try:
        return model.model_validate(values | given)
    except ValidationError as error:
        raise FormProblem(error) from None


def field_errors(problem: Problem, say: Callable[[str], str], sent: Container[str] = ()) -> dict[str, str]:
    """Field → what is wrong with it, in the language of `say`. A part of a field has its own entry if it is one of those `sent`."""

    def of(path: str) -> str:
        return path if path in sent else path.partition(".")[0]

    if isinstance(problem, FormProblem):
        return {
            of(".".join(map(str, e["loc"]))): _words(e["type"], e["msg"], e.get("ctx", {}), say)
            for e in reversed(problem.found)
        }
    return {of(e.field): _words(e.code, e.message, {}, say) for e in reversed(problem.errors)}


def _words(kind: str, message: str, limits: Mapping[str, Any], say: Callable[[str], str]) -> str:
    if kind == "string_too_short" and limits.get("min_length") == 1:
        return say(_REQUIRED)
    if kind in _WORDS:
        return say(_WORDS[kind]) % limits
    return say(message.removeprefix("Value error, "))


def _plain(annotation: Any) -> tuple[Any, bool]:
    """What is behind Annotated and Optional, and whether None is allowed."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _plain(parts[0])[0], len(parts) < len(get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return _plain(annotation.__origin__)
    return annotation, False


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type of the values, list for many of them, and whether None is allowed."""
    plain, is_optional = _plain(annotation)
    origin = get_origin(plain)
    if origin is Literal:
        return type(get_args(plain)[0]), is_optional  # its values have one type
    return origin or plain, is_optional


def _one(text: str, wanted: Any, is_optional: bool) -> Any:
    if is_optional and not text.strip():
        return None
    if wanted is int:
        digits = text.strip().replace(",", "")
        return int(digits) if digits.removeprefix("-").isdecimal() and len(digits) < 20 else text
    return text


def _many(sent: Mapping[str, Any], name: str, annotation: Any) -> list[Any]:
    values = sent.getlist(name) if isinstance(sent, FormData) else sent[name]
    arguments = get_args(_plain(annotation)[0])
    wanted = _kind(arguments[0])[0] if arguments else str
    return [_one(str(value), wanted, False) for value in values if str(value).strip()]
