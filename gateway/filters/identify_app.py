"""Stage 2, application: app_key → an enabled app of an enabled customer, called from an address that it allows."""

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import ADDRESS_NOT_ALLOWED, INVALID_APP_KEY
from openplatform.signing import SIGN_METHODS, SigningKey, is_signed

_NOBODY = (SigningKey("no app has this secret"),)


class IdentifyApp:
    """Finds the app in memory. An unknown app costs a signature check as well: the time taken does not tell which keys exist."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __call__(self, call: Call) -> None:
        entry = call.app = self._catalog.apps.get(call.params["app_key"])
        if entry is None or not entry.app.enabled:
            method = call.params.get("sign_method") or "md5"
            if method in SIGN_METHODS:
                is_signed(_NOBODY, call.params["sign"], method, call.params, call.signed_body)
            raise INVALID_APP_KEY()
        if entry.networks and not entry.admits(call.remote_ip):
            raise ADDRESS_NOT_ALLOWED()
