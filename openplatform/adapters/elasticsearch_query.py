"""A log search in Elasticsearch's query language. Every condition is a filter: nothing is scored.

What a caller typed is only ever a value of a term or a phrase, never query syntax.
"""

from typing import Any

from openplatform.adapters.call_log_cursor import MAX_TOTAL, fields_of, position_of
from openplatform.records import LogConditions, LogQuery

CONTENT = "requestContent"
IK_ANALYZER = "ik_max_word"
STANDARD_ANALYZER = "standard"

_HIGHLIGHT: dict[str, Any] = {
    "encoder": "html",
    "pre_tags": ["<em>"],
    "post_tags": ["</em>"],
    "fields": {CONTENT: {"number_of_fragments": 3, "fragment_size": 160}},
}


def search_body(query: LogQuery, analyzer: str) -> dict[str, Any]:
    """The keyword arguments of a search: one hit more than asked tells whether there is another page."""
    fields, is_falling = fields_of(query.sort)
    body: dict[str, Any] = {
        "query": matching(query, analyzer),
        "sort": [{field: "desc" if is_falling else "asc"} for field in fields],
        "size": query.size + 1,
        "track_total_hits": MAX_TOTAL + 1 if query.wants_total else False,
    }
    if query.keywords:
        body["highlight"] = _HIGHLIGHT
    if query.cursor is not None:
        body["search_after"] = list(position_of(query.cursor, query.sort))
    return body


def matching(conditions: LogConditions, analyzer: str) -> dict[str, Any]:
    """The query that finds what fits; analyzer decides how keywords are looked up."""
    filters: list[dict[str, Any]] = [_received(conditions.from_ms, conditions.to_ms)]
    if conditions.app_keys:
        filters.append({"terms": {"appkey": list(conditions.app_keys)}})
    terms = {
        "apiName": conditions.api_name,
        "venderId": conditions.vender_id,
        "remoteIp": conditions.remote_ip,  # a network as well as an address
        "requestId": conditions.request_id,
    }
    filters += [{"term": {field: value}} for field, value in terms.items() if value is not None]
    if conditions.error is not None:
        filters.append(ended_in(conditions.error))
    if conditions.min_ms is not None or conditions.max_ms is not None:
        bounds = {"gte": conditions.min_ms, "lte": conditions.max_ms}
        filters.append({"range": {"platformRepTime": {k: v for k, v in bounds.items() if v is not None}}})
    filters += [_keyword(word, analyzer) for word in conditions.keywords]
    return {"bool": {"filter": filters}}


def ended_in(error: str) -> dict[str, Any]:
    """The query of calls that ended in this error, as LogConditions names errors."""
    if (
        error == "any"
    ):  # what stands before "0" and behind it: the few that failed, where `must_not` walks through all that did not
        return {"bool": {"should": [{"range": {"errorCode": {"lt": "0"}}}, {"range": {"errorCode": {"gt": "0"}}}]}}
    if ":" in error:
        return {"term": {"errorCode": error}}
    return {"bool": {"should": [{"term": {"errorCode": error}}, {"prefix": {"errorCode": error + ":"}}]}}


def _received(from_ms: int, to_ms: int) -> dict[str, Any]:
    return {"range": {"receiveTime": {"gte": from_ms, "lt": to_ms, "format": "epoch_millis"}}}


def _keyword(word: str, analyzer: str) -> dict[str, Any]:
    # `standard` makes each Chinese character a token, so a word is a phrase. IK makes overlapping words of it whose positions
    # are no phrase: all of them must occur; only what a caller wrote with spaces is meant as a phrase.
    if analyzer == IK_ANALYZER and not any(character.isspace() for character in word):
        return {"match": {CONTENT: {"query": word, "operator": "and"}}}
    return {"match_phrase": {CONTENT: {"query": word}}}
