"""The documentation page: the operations of the OpenAPI document, by menu, rendered here since no other host may be asked."""

import json
from collections.abc import Callable
from typing import Any

from admin_api.console.catalogues import N_
from admin_api.console.html import Html, table, tag, text

_NEEDS, _BODY, _ANSWER, _REQUIRED = N_("permission:"), N_("request body"), N_("answer"), N_("required")
_COLUMNS = (N_("parameter"), N_("in"), N_("schema"))
_METHODS = ("get", "post", "put", "patch", "delete")


def operations(document: dict[str, Any], say: Callable[[str], str]) -> Html:
    """Everything that the document says about its operations and models; its own texts are English. say: words in the reader's language."""
    by_tag: dict[str, list[Html]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = item[method]
                name = operation.get("tags", ["other"])[0]
                by_tag.setdefault(name, []).append(_operation(document, method, path, operation, say))
    links = tag("p", *(tag("a", say(name), " ", href=f"#{number}") for number, name in enumerate(by_tag)))
    sections = [
        tag("section", tag("h2", say(name), id=str(number)), *entries)
        for number, (name, entries) in enumerate(by_tag.items())
    ]
    return Html(links + "".join(sections))


def _operation(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any], say: Callable[[str], str]
) -> Html:
    parts = [
        tag("h3", tag("code", f"{method.upper()} {path}"), " ", tag("span", operation.get("summary", ""), lang="en")),
        tag("p", say(_NEEDS), " ", tag("code", ", ".join(operation.get("x-perms", [])))),
    ]
    if operation.get("description"):
        parts.append(tag("p", operation["description"], lang="en"))
    parts.append(table(tuple(map(say, _COLUMNS)), [_parameter(p, say) for p in operation.get("parameters", [])]))
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
        parts.append(tag("details", tag("summary", say(_BODY)), _schema(document, schema)))
    for status, answer in operation.get("responses", {}).items():
        for media in answer.get("content", {}).values():
            if status != "default" and media.get("schema"):
                parts.append(
                    tag("details", tag("summary", say(_ANSWER), f" {status}"), _schema(document, media["schema"]))
                )
    return tag("article", *parts)


def _parameter(parameter: dict[str, Any], say: Callable[[str], str]) -> tuple[object, ...]:
    required = f" ({say(_REQUIRED)})" if parameter.get("required") else ""
    schema = json.dumps(parameter.get("schema", {}), ensure_ascii=False)
    return tag("code", parameter["name"] + required), parameter["in"], tag("code", schema)


def _schema(document: dict[str, Any], schema: dict[str, Any]) -> Html:
    shown = _resolved(document, schema, depth=3)
    return tag("pre", text(json.dumps(shown, ensure_ascii=False, indent=1)))


def _resolved(document: dict[str, Any], node: Any, depth: int) -> Any:
    if isinstance(node, list):
        return [_resolved(document, part, depth) for part in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref", "")
    if reference.startswith("#/components/schemas/"):
        name = reference.rsplit("/", 1)[1]
        return _resolved(document, document["components"]["schemas"][name], depth - 1) if depth else name
    return {key: _resolved(document, value, depth) for key, value in node.items()}
