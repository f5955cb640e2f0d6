"""Reads a request from what people paste: a URL, a curl command, a whole HTTP request, a form's body, or JSON."""

import re
import shlex
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlsplit

MAX_PASTED = 256 * 1024
FORM = "application/x-www-form-urlencoded"
_REQUEST_LINE = re.compile(r"(GET|POST|PUT|DELETE|PATCH|HEAD) (\S+) HTTP/1\.[01]\r?\n")
_DATA = {"-d", "--data", "--data-raw", "--data-binary", "--data-ascii"}
_WITH_VALUE = {
    "-A", "-b", "-c", "-e", "-m", "-o", "-u", "-x", "--user-agent", "--cookie", "--max-time", "--connect-timeout", "--output",
    "--user", "--proxy", "--referer", "--retry", "--cacert", "--cert", "--key", "-w", "--write-out", "--resolve",
}  # fmt: skip
"""Options of curl that say nothing about the signature, and have a value."""


@dataclass(slots=True)
class PastedRequest:
    """A request: query and body as they were on the wire, the body's content type, "" = none was named."""

    http_method: str = "GET"
    query: bytes = b""
    body: bytes = b""
    content_type: str = ""
    notes: list[str] = field(default_factory=list)


def read_pasted(text: str) -> PastedRequest:
    """The request in the text. Raises ValueError that says what cannot be read."""
    if len(text) > MAX_PASTED:
        raise ValueError(f"it is longer than {MAX_PASTED} characters")
    text = text.strip().lstrip("\ufeff")
    if not text:
        raise ValueError("there is nothing to read: paste a URL, a curl command, or a body")
    if text.startswith("$ "):
        text = text[2:]
    if re.match(r"curl(\.exe)?\s", text):
        return _curl(text)
    if (line := _REQUEST_LINE.match(text)) is not None:
        return _http(line, text)
    if text.startswith("{"):
        return PastedRequest("POST", body=text.encode(), content_type="application/json")
    first, _, rest = text.partition("\n")
    if re.match(r"(https?://|/)\S*$", first.strip()):
        body = _joined_lines(rest)
        return PastedRequest("POST" if body else "GET", _query_of(first.strip()), body, FORM if body else "")
    if "=" not in text:
        raise ValueError(
            "it is no URL, no curl command, no JSON object and no form: a form reads name=value&name=value"
        )
    return PastedRequest("POST", body=_joined_lines(text), content_type=FORM)


def _curl(text: str) -> PastedRequest:
    text = re.sub(r"[\\^`]\r?\n", " ", text)  # lines continued as in sh, cmd and PowerShell
    try:
        words = shlex.split(text)[1:]
    except ValueError as error:
        raise ValueError(f"the curl command's quotes do not match: {error}") from None
    request = PastedRequest(http_method="")
    url, data, is_get, parts = "", [], False, []
    while words:
        word = words.pop(0)
        name, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if len(word) > 2 and re.match(r"-[dXHFAbu]", word) and not word.startswith("--"):
            name, joined, value = word[:2], "=", word[2:]
        takes = name in _DATA or name in _WITH_VALUE or name in {
            "-X", "--request", "-H", "--header", "--url", "-F", "--form", "--data-urlencode", "--json"}  # fmt: skip
        if takes and not joined:
            if not words:
                raise ValueError(f"the curl command ends after {name}")
            value = words.pop(0)
        if name in ("-X", "--request"):
            request.http_method = value.upper()
        elif name in ("-H", "--header"):
            header, _, content = value.partition(":")
            if header.strip().lower() == "content-type":
                request.content_type = content.strip()
        elif name == "--url":
            url = value
        elif name in ("-G", "--get"):
            is_get = True
        elif name == "--json":
            data.append(value)
            request.content_type = request.content_type or "application/json"
        elif name == "--data-urlencode":
            data.append(_urlencoded(value))
        elif name in _DATA:
            if value.startswith("@") and name != "--data-raw":
                raise ValueError(f"the body stands in the file {value[1:]}: paste it in place of {value}")
            data.append(value)
        elif name in ("-F", "--form"):
            field_name, _, content = value.partition("=")
            if not content.startswith(("@", "<")):  # files are not signed
                parts.append(f"{quote_plus(field_name)}={quote_plus(content)}")
        elif not word.startswith("-"):
            url = url or word
    if not url:
        raise ValueError("the curl command names no URL")
    request.query = _query_of(url)
    body = "&".join([*data, *parts])
    if is_get:
        request.query = b"&".join(part for part in (request.query, body.encode()) if part)
    else:
        request.body = body.encode()
        request.content_type = request.content_type if not parts else FORM
        if body and not request.content_type:
            request.content_type = FORM
    request.http_method = request.http_method or ("POST" if request.body else "GET")
    return request


def _http(line: re.Match[str], text: str) -> PastedRequest:
    head, _, body = text[line.end() :].replace("\r\n", "\n").partition("\n\n")
    found = re.search(r"^content-type:\s*(.*)$", head, re.MULTILINE | re.IGNORECASE)
    content_type = found[1].strip() if found else ""
    if content_type.startswith("multipart/"):
        raise ValueError("a multipart body cannot be pasted: paste its text fields as name=value&name=value")
    return PastedRequest(line[1], _query_of(line[2]), body.encode(), content_type)


def _query_of(url: str) -> bytes:
    return urlsplit(url).query.replace(" ", "+").encode()


def _joined_lines(text: str) -> bytes:
    """One line: what a terminal or a mail has broken, or one parameter per line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ("&" if all("=" in line for line in lines) else "").join(line.strip("&") for line in lines).encode()


def _urlencoded(value: str) -> str:
    name, equals, content = value.partition("=")
    return f"{name}={quote_plus(content)}" if equals else quote_plus(value)
