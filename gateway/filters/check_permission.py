"""Stage 4, permission: the app holds a grant for the API, or the API is open."""

from gateway.call import Call
from openplatform.errors import API_NOT_GRANTED


class CheckPermission:
    """Leaves the app's grant on the call, for limits and for what the service may show; an open API may have one too."""

    def __call__(self, call: Call) -> None:
        assert call.app is not None and call.route is not None
        route = call.route.route
        grant = call.grant = call.app.app.grants.get(route.api_name)
        if grant is None and not route.is_open:
            raise API_NOT_GRANTED()
