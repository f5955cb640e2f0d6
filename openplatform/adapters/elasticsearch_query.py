"""A log search and its statistics in Elasticsearch's query language. Every condition is a filter: nothing is scored.

What a caller typed is only ever a value of a term or a phrase, never query syntax.
"""

from typing import Any

from openplatform.adapters.call_log_cursor import MAX_TOTAL, position_of
from openplatform.records import LogQuery

CONTENT = "requestContent"
IK_ANALYZER = "ik_max_word"
STANDARD_ANALYZER = "standard"

_HIGHLIGHT: dict[str, Any] = {
    "encoder": "html",
    "pre_tags": ["<em>"],
    "post_tags": ["</em>"],
    "fields": {CONTENT: {"number_of_fragments": 3, "fragment_size": 160}},
}
MAX_APIS = 1_000


def search_body(query: LogQuery, analyzer: str) -> dict[str, Any]:
    """The keyword arguments of a search: one hit more than asked tells whether there is another page."""
    body: dict[str, Any] = {
        "query": {"bool": {"filter": conditions(query, analyzer)}},
        "sort": [{"receiveTime": "desc"}, {"requestId": "desc"}],
        "size": query.size + 1,
        "track_total_hits": MAX_TOTAL + 1,
    }
    if query.keywords:
        body["highlight"] = _HIGHLIGHT
    if query.cursor is not None:
        body["search_after"] = list(position_of(query.cursor))
    return body


def conditions(query: LogQuery, analyzer: str) -> list[dict[str, Any]]:
    """The filters of a query; analyzer decides how keywords are looked up."""
    filters: list[dict[str, Any]] = [_received(query.from_ms, query.to_ms)]
    if query.app_keys:
        filters.append({"terms": {"appkey": list(query.app_keys)}})
    terms = {
        "apiName": query.api_name,
        "venderId": query.vender_id,
        "remoteIp": query.remote_ip,
        "requestId": query.request_id,
    }
    filters += [{"term": {field: value}} for field, value in terms.items() if value is not None]
    if query.error is not None:
        filters.append(_error(query.error))
    if query.min_ms is not None or query.max_ms is not None:
        bounds = {"gte": query.min_ms, "lte": query.max_ms}
        filters.append({"range": {"platformRepTime": {k: v for k, v in bounds.items() if v is not None}}})
    filters += [_keyword(word, analyzer) for word in query.keywords]
    return filters


def stats_body(from_ms: int, to_ms: int, api_name: str | None) -> dict[str, Any]:
    """The keyword arguments of a search that answers statistics by API."""
    filters = [_received(from_ms, to_ms)]
    if api_name is not None:
        filters.append({"term": {"apiName": api_name}})
    by_api = {
        "terms": {"field": "apiName", "size": MAX_APIS},
        "aggs": {
            "errors": {"filter": _error("any")},
            "mean": {"avg": {"field": "platformRepTime"}},
            "percentiles": {"percentiles": {"field": "platformRepTime", "percents": [50, 95, 99]}},
            "service": {"avg": {"field": "serviceTime"}},
        },
    }
    return {
        "query": {"bool": {"filter": filters}},
        "size": 0,
        "track_total_hits": False,
        "aggs": {"by_api": by_api},
    }


def _received(from_ms: int, to_ms: int) -> dict[str, Any]:
    return {"range": {"receiveTime": {"gte": from_ms, "lt": to_ms, "format": "epoch_millis"}}}


def _error(error: str) -> dict[str, Any]:
    if error == "any":
        return {"bool": {"must_not": [{"term": {"errorCode": "0"}}]}}
    if ":" in error:
        return {"term": {"errorCode": error}}
    return {"bool": {"should": [{"term": {"errorCode": error}}, {"prefix": {"errorCode": error + ":"}}]}}


def _keyword(word: str, analyzer: str) -> dict[str, Any]:
    # `standard` makes each Chinese character a token, so a word is a phrase. IK makes overlapping words of it whose positions
    # are no phrase: all of them must occur; only what a caller wrote with spaces is meant as a phrase.
    if analyzer == IK_ANALYZER and not any(character.isspace() for character in word):
        return {"match": {CONTENT: {"query": word, "operator": "and"}}}
    return {"match_phrase": {CONTENT: {"query": word}}}
