"""Filters as an operator would write them, for the tests that name them in PAILOU_FILTERS."""

from gateway.call import Call, Filter
from gateway.resources import Resources
from gateway.settings import GatewaySettings
from openplatform.errors import API_NOT_GRANTED

NOT_A_FACTORY = 5


class Rules:
    """Reached by a name with a dot."""

    @staticmethod
    def closed(resources: Resources, settings: GatewaySettings) -> Filter:
        def filter_(call: Call) -> None:
            if call.params.get("closed"):
                raise API_NOT_GRANTED(f"closed by {settings.node} for merchant {call.vender_id}")

        return filter_


class AnswersItself:
    """Waits, then answers in the service's place."""

    def __init__(self, resources: Resources, settings: GatewaySettings) -> None:
        pass

    async def __call__(self, call: Call) -> None:
        if call.params.get("itself"):
            call.service_body = b'{"itself":true}'


def stamp(resources: Resources, settings: GatewaySettings) -> Filter:
    def filter_(call: Call) -> None:
        if call.params.get("stamp"):
            call.service_body = b'{"stamped":true}'
        if call.params.get("bug"):
            raise RuntimeError("a bug of the operator's")

    return filter_


def mend(resources: Resources, settings: GatewaySettings) -> Filter:
    def filter_(call: Call) -> None:
        if call.params.get("mend"):
            call.service_body, call.error = b'{"mended":true}', None

    return filter_


def broken(resources: Resources, settings: GatewaySettings) -> Filter:
    raise ValueError("no licence")


def nothing(resources: Resources, settings: GatewaySettings) -> object:
    return NOT_A_FACTORY


def fails(resources: Resources, settings: GatewaySettings) -> Filter:
    """A filter with a bug."""

    def fail(call: Call) -> None:
        raise RuntimeError("a bug")

    return fail
