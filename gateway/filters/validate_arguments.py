"""Stage 6, business parameters: as the API's JSON Schema wants them."""

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import UNKNOWN_ERROR
from openplatform.parameter_schema import SchemaInvalid


class ValidateArguments:
    """Judges the parameters and changes none of them. What the schema does not name passes, unless it forbids that.

    A schema that cannot be used is a fault of ours: error 10, until the operator has mended it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __call__(self, call: Call) -> None:
        route = call.route
        assert route is not None
        if not route.has_schema:
            return
        try:
            schema = route.schema
        except SchemaInvalid:
            raise UNKNOWN_ERROR("the rules of this API's parameters cannot be read") from None
        schema.judge(call.params, self._catalog.not_business)
