"""The TOP wire protocol: parameters in, envelopes out."""

from openplatform.protocol.answers import ErrorBody, render_error, render_success, root_name
from openplatform.protocol.batch import SEPARATOR, joined, read_part, split_batch
from openplatform.protocol.parameters import (
    ALWAYS_REQUIRED,
    SYSTEM_PARAMS,
    ParsedRequest,
    encode_query,
    parse_request,
    shown,
)
from openplatform.protocol.timestamps import parse_timestamp

__all__ = [
    "ALWAYS_REQUIRED",
    "SEPARATOR",
    "SYSTEM_PARAMS",
    "ErrorBody",
    "ParsedRequest",
    "encode_query",
    "joined",
    "parse_request",
    "parse_timestamp",
    "read_part",
    "render_error",
    "render_success",
    "root_name",
    "shown",
    "split_batch",
]
