"""Stage 6, arguments: system parameters that the call left out get their defaults; business ones are as the API's JSON Schema wants."""

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import UNKNOWN_ERROR
from openplatform.parameter_schema import SchemaInvalid


class ValidateArguments:
    """Completes the parameters, which the signature is known to fit by now, and changes none that was sent. What the schema does
    not name passes, unless it forbids that.

    A schema that cannot be used is a fault of ours: error 10, until the operator has mended it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __call__(self, call: Call) -> None:
        route = call.route
        assert route is not None
        for name, value in self._catalog.defaults:
            if not call.params.get(name):
                call.params[name] = value
        if not route.has_schema:
            return
        try:
            schema = route.schema
        except SchemaInvalid:
            raise UNKNOWN_ERROR("the rules of this API's parameters cannot be read") from None
        schema.judge(call.params, self._catalog.not_business)
