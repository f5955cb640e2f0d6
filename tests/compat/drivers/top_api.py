"""Calls through the SDKs that keep Taobao's own Python classes (`top.api`); the first argument names the package."""

import importlib
import io
import json
import sys
from urllib.parse import urlsplit

package = importlib.import_module(sys.argv[1])
rest = importlib.import_module(f"{sys.argv[1]}.api.base")
order = json.load(sys.stdin)
url = urlsplit(order["url"])


class Request(rest.RestApi):
    """What a user of the SDK writes for an API that it has no class of: its name, its parameters, its files."""

    def __init__(self, call):
        rest.RestApi.__init__(self, url.hostname, url.port)
        self.set_app_info(package.appinfo(order["app_key"], call["secret"]))
        self._RestApi__called = call
        for name, value in call["params"].items():
            setattr(self, name, value)
        for name, text in call["files"].items():
            setattr(self, name, rest.FileItem(f"{name}.txt", io.StringIO(text)))

    def getapiname(self):
        return self._RestApi__called["api"]

    def getMultipartParas(self):  # noqa: N802
        return list(self._RestApi__called["files"])


def outcome(call):
    try:
        return {"answer": Request(call).getResponse(call["session"])}
    except rest.TopException as error:
        return {"error": [error.errorcode, error.subcode]}


json.dump([outcome(call) for call in order["calls"]], sys.stdout)
