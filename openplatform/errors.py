"""Every way a call can end badly, in one table.

    OpenPlatformError                 code, msg, sub_code, sub_msg
    ├── CallRejected                  the caller's fault; the ISV mends the request
    ├── UpstreamFailed                a service could not be asked or understood; isp.*, may succeed later
    ├── ServiceRejected               a service's business "no"; never retried, never an alarm
    └── PlatformUnavailable           our own fault: a store is down, a bug; isp.*, may succeed later

The rows below are `ErrorKind`s: calling one gives the exception, e.g. ``raise INVALID_APP_KEY()``. docs/errors.md is held
against this table by a test. Codes, texts and sub_codes are those of the Taobao Open Platform, which SDKs know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self


class OpenPlatformError(Exception):
    """A call's end as the caller sees it.

    code: 1..255, the number in `error_response.code`; msg: its fixed English text; sub_code: "" when the row has none;
    sub_msg: one sentence that says what to change; http_status: used only by apps that asked for real status codes;
    retry_after_s: whole seconds for the Retry-After header, None = no such header.
    """

    retryable: ClassVar[bool] = False
    is_unsent = False
    """True: no byte of the call has left for a service. Set by `unsent`."""

    def __init__(
        self,
        code: int,
        msg: str,
        sub_code: str = "",
        sub_msg: str = "",
        *,
        http_status: int = 400,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {msg}" + (f" [{sub_code}]" if sub_code else "") + (f": {sub_msg}" if sub_msg else ""))
        self.code = code
        self.msg = msg
        self.sub_code = sub_code
        self.sub_msg = sub_msg
        self.http_status = http_status
        self.retry_after_s = retry_after_s
        self.headers = headers or {}

    def again(self) -> Self:
        """The same end for another call: an exception that is raised twice would carry the first one's traceback."""
        copy = type(self)(self.code, self.msg)
        copy.__dict__.update(self.__dict__)
        copy.args = self.args
        return copy

    @property
    def log_code(self) -> str:
        """The call log's errorCode: `code` or `code:sub_code`."""
        return f"{self.code}:{self.sub_code}" if self.sub_code else str(self.code)


class CallRejected(OpenPlatformError):
    """The request is wrong or not allowed. The ISV should read sub_msg and change the request; repeating it is useless."""


class UpstreamFailed(OpenPlatformError):
    """A service did not answer, or not understandably. The ISV may repeat the call if sub_code starts with `isp.`."""

    retryable = True


class ServiceRejected(OpenPlatformError):
    """A service understood the call and said no, for a business reason. The ISV should read the service's sub_msg."""


class PlatformUnavailable(OpenPlatformError):
    """One of our own stores or parts is down. The ISV may repeat the call after Retry-After seconds."""

    retryable = True


class SettingsError(Exception):
    """Settings are missing or wrong; the message has one line per variable. Commands end with exit status 78."""


class CatalogInvalid(Exception):
    """A record of the catalogue cannot be read; the message names it. The whole change is refused, the last good one kept."""


class StoreRejected(Exception):
    """A store answered and refused one request as wrong (a bad query, a document that does not fit): repeating is useless."""


class AddressRefused(StoreRejected):
    """A mail server refused the recipient for good, or it is no address: no mail will ever reach it."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the error table; `{placeholders}` in msg, sub_code and sub_msg are filled by the call's keywords."""

    error: type[OpenPlatformError]
    code: int
    msg: str
    sub_code: str = ""
    sub_msg: str = ""
    http_status: int = 400
    when: str = ""

    def __call__(
        self,
        sub_msg: str | None = None,
        *,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        **names: object,
    ) -> OpenPlatformError:
        text = self.sub_msg if sub_msg is None else sub_msg
        msg, sub_code = self.msg, self.sub_code
        if names:
            msg, sub_code = msg.format(**names), sub_code.format(**names)
            if sub_msg is None:  # only our own templates are formatted: a caller's text may hold braces
                text = text.format(**names)
        return self.error(
            self.code, msg, sub_code, text, http_status=self.http_status, retry_after_s=retry_after_s, headers=headers
        )


UPLOAD_FAIL = ErrorKind(
    CallRejected, 3, "Upload Fail", "isv.upload-fail", "the request body is too large or of a wrong type", 413,
    "body or file too large, or of a wrong type",
)  # fmt: skip
APP_LIMITED = ErrorKind(
    CallRejected, 7, "App Call Limited", "accesscontrol.limited-by-app-access-count",
    "This ban will last for {seconds} more seconds", 429, "the app's limit per day or per minute is reached",
)  # fmt: skip
API_LIMITED = ErrorKind(
    CallRejected, 7, "App Call Limited", "accesscontrol.limited-by-api-access-count",
    "This ban will last for {seconds} more seconds", 429, "the API's limit over all apps is reached",
)  # fmt: skip
APP_API_LIMITED = ErrorKind(
    CallRejected, 7, "App Call Limited", "accesscontrol.limited-by-app-api-access-count",
    "This ban will last for {seconds} more seconds", 429, "the limit of this app's grant for the API is reached",
)  # fmt: skip
ACTION_NOT_ALLOWED = ErrorKind(
    CallRejected, 9, "Http Action Not Allowed", "", "use GET or POST", 405, "an HTTP method other than GET and POST"
)
UNKNOWN_ERROR = ErrorKind(
    PlatformUnavailable, 10, "Service Currently Unavailable", "isp.unknown-error", "an unexpected fault of the platform", 503,
    "a bug of ours; the process log has the traceback under the request id",
)  # fmt: skip
PLATFORM_UNAVAILABLE = ErrorKind(
    PlatformUnavailable, 10, "Service Currently Unavailable", "isp.platform-unavailable",
    "the platform is busy, repeat the call later", 503, "a store of ours is down or the process is stopping",
)  # fmt: skip
INSUFFICIENT_BALANCE = ErrorKind(
    CallRejected, 11, "Insufficient isv permissions", "isv.insufficient-balance",
    "the balance does not cover this call's price: recharge it", 402, "an API with a price, and too little to spend",
)  # fmt: skip
API_NOT_GRANTED = ErrorKind(
    CallRejected, 11, "Insufficient isv permissions", "isv.permission-api-package-limit",
    "this app may not call this API: ask the platform's operator to grant it", 403,
    "the app holds no grant for an API that is not open, or the session's scope does not hold it",
)  # fmt: skip
ADDRESS_NOT_ALLOWED = ErrorKind(
    CallRejected, 11, "Insufficient isv permissions", "isv.permission-ip-whitelist-limit",
    "this app may not call from your address: ask the platform's operator to allow it", 403,
    "the app has a list of addresses, and the caller's is not on it",
)  # fmt: skip
REMOTE_CONNECTION_ERROR = ErrorKind(
    UpstreamFailed, 15, "Remote service error", "isp.top-remote-connection-error", "the service could not be reached", 502,
    "no connection to the service, or it broke before the service can have acted",
)  # fmt: skip
REMOTE_TIMEOUT = ErrorKind(
    UpstreamFailed, 15, "Remote service error", "isp.top-remote-connection-timeout", "the service did not answer in time", 504,
    "the API's deadline passed",
)  # fmt: skip
REMOTE_UNAVAILABLE = ErrorKind(
    UpstreamFailed, 15, "Remote service error", "isp.top-remote-service-unavailable", "the service is unavailable", 503,
    "no instance of the service is known, it answered 5xx, its breaker is open, or its bulkhead is full",
)  # fmt: skip
REMOTE_PARSE_ERROR = ErrorKind(
    UpstreamFailed, 15, "Remote service error", "isp.top-parse-error", "the service's answer cannot be read", 502,
    "the service's answer is no JSON object, too large, or not HTTP",
)  # fmt: skip
REMOTE_RESULT_UNKNOWN = ErrorKind(
    UpstreamFailed, 15, "Remote service error", "remote-result-unknown",
    "the call was sent and not answered: ask for the result before repeating it", 502, "a write was sent and not answered",
)  # fmt: skip
SERVICE_REJECTED = ErrorKind(
    ServiceRejected,
    15,
    "Remote service error",
    "{sub_code}",
    "",
    400,
    "the service's business error, with its own sub_msg",
)
MISSING_METHOD = ErrorKind(
    CallRejected, 21, "Missing method", "", "add the parameter method: the API's name", when="method is absent or empty"
)
INVALID_METHOD = ErrorKind(
    CallRejected, 22, "Invalid method", "isv.api-not-exists", "no API of this name is available", 404,
    "unknown or disabled API",
)  # fmt: skip
INVALID_FORMAT = ErrorKind(
    CallRejected, 23, "Invalid Format", "", "format must be xml or json", when="format is neither xml nor json"
)
MISSING_SIGNATURE = ErrorKind(
    CallRejected, 24, "Missing Signature", "", "add the parameter sign", 401, "sign is absent or empty"
)
INVALID_SIGNATURE = ErrorKind(
    CallRejected, 25, "Invalid signature", "isv.invalid-signature",
    "the signature does not match: check the secret, the order of the names and UTF-8", 401,
    "no live secret of the app gives this signature",
)  # fmt: skip
INVALID_SIGN_METHOD = ErrorKind(
    CallRejected,
    25,
    "Invalid signature",
    "isv.invalid-sign-method",
    "sign_method must be md5, hmac or hmac-sha256",
    401,
    "sign_method is unknown, or md5 where the app does not accept it",
)
REPLAYED_REQUEST = ErrorKind(
    CallRejected, 25, "Invalid signature", "isv.replayed-request",
    "this API takes each signed request once: sign again with a new timestamp", 401,
    "the same signature came before, of an API that takes each once",
)  # fmt: skip
MISSING_SESSION = ErrorKind(
    CallRejected, 26, "Missing session", "", "this API needs the parameter session: the user's access token", 401,
    "the API needs a session, and session is absent or empty",
)  # fmt: skip
UNKNOWN_SESSION = ErrorKind(
    CallRejected, 27, "Invalid session", "session-not-exist", "this session is unknown or was revoked", 401,
    "no such session, or it was revoked",
)  # fmt: skip
EXPIRED_SESSION = ErrorKind(
    CallRejected,
    27,
    "Invalid session",
    "session-expired",
    "this session has expired: let the user authorise again",
    401,
    "the session's time is over",
)
FOREIGN_SESSION = ErrorKind(
    CallRejected,
    27,
    "Invalid session",
    "sessionkey-not-generated-by-server",
    "this session belongs to another app",
    401,
    "the session was granted to another app",
)
MISSING_APP_KEY = ErrorKind(
    CallRejected, 28, "Missing App Key", "", "add the parameter app_key", 401, "app_key is absent or empty"
)
INVALID_APP_KEY = ErrorKind(
    CallRejected, 29, "Invalid app Key", "isv.appkey-not-exists", "no enabled app has this app_key", 401,
    "unknown or disabled app, or its customer is disabled",
)  # fmt: skip
MISSING_TIMESTAMP = ErrorKind(
    CallRejected, 30, "Missing Timestamp", "", "add the parameter timestamp", when="timestamp is absent or empty"
)
INVALID_TIMESTAMP = ErrorKind(
    CallRejected, 31, "Invalid Timestamp", "",
    "timestamp must be yyyy-MM-dd HH:mm:ss at GMT+8 or epoch milliseconds, at most {window_s} seconds from our clock", 400,
    "unreadable, or off by more than the window",
)  # fmt: skip
MISSING_VERSION = ErrorKind(CallRejected, 32, "Missing Version", "", "add the parameter v", when="v is absent or empty")
INVALID_VERSION = ErrorKind(CallRejected, 33, "Invalid Version", "", "v must be 2.0", when="v is not 2.0")
MISSING_ARGUMENT = ErrorKind(
    CallRejected, 40, "Missing required arguments:{name}", "isv.missing-parameter:{name}", "add the parameter {name}",
    when="a parameter that the API's schema or path needs, or a system parameter that the operator requires, is absent or empty",
)  # fmt: skip
INVALID_ARGUMENT = ErrorKind(
    CallRejected, 41, "Invalid arguments:{name}", "isv.invalid-parameter:{name}", "the parameter {name} is not valid",
    when="a parameter twice, too many of them, or a value that the API's schema, its path or a system parameter's type refuses",
)  # fmt: skip
INVALID_ENCODING = ErrorKind(
    CallRejected, 47, "Invalid encoding", "", "names and values must be UTF-8", when="bytes that are no UTF-8"
)

ERROR_TABLE: tuple[ErrorKind, ...] = tuple(kind for kind in list(globals().values()) if isinstance(kind, ErrorKind))


def unsent(error: OpenPlatformError) -> OpenPlatformError:
    """Marks an error as one that ended its call before any byte of it had left for a service: it may come again as it is."""
    error.is_unsent = True
    return error


def business_error(sub_code: str, sub_msg: str, *, http_status: int = 400) -> ServiceRejected:
    """What a service raises to say no: sub_code begins with `isv.`, sub_msg says what to change, http_status is 4xx."""
    return ServiceRejected(15, SERVICE_REJECTED.msg, sub_code, sub_msg, http_status=http_status)
