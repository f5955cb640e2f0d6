"""Text made of a form's values: what is signed, what is logged. Calls repeat the same names in the same order all day."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

_MAX_CHARS = 512 * 1024
"""Of one FormText's templates, each counted with what Python adds: some 800 usual forms. Names are the callers', memory is ours."""
_ADDED_CHARS = 200
_ADDED_CHARS_EACH = 60

Parts = Sequence[tuple[str, str | None]]
"""Text that comes as it is, and after it the value of a name, unless that is None."""
_Known = tuple[str, Callable[[Mapping[str, str]], object]]


class FormText:
    """Fills in the values: for names in an order that it has met before by two calls of C code.

    parts: what the text of these names is, in the form's order; called once for each such order.
    """

    __slots__ = ("_chars", "_known", "_parts")

    def __init__(self, parts: Callable[[tuple[str, ...]], Parts]) -> None:
        self._parts = parts
        self._known: dict[tuple[str, ...], _Known] = {}
        self._chars = 0

    def of(self, params: Mapping[str, str]) -> str:
        """The text of this form."""
        names = tuple(params)
        known = self._known.get(names)
        if known is None:
            known = self._learn(names)
        template, values_of = known
        return template % values_of(params)

    def _learn(self, names: tuple[str, ...]) -> _Known:
        parts = self._parts(names)
        template = "".join([text.replace("%", "%%") + ("" if name is None else "%s") for text, name in parts])
        valued = [name for _, name in parts if name is not None]
        # itemgetter gives the value itself for one name, which `%` takes as well, and does not exist for none.
        known: _Known = (template, itemgetter(*valued) if valued else _nothing)
        self._chars += len(template) + _ADDED_CHARS + _ADDED_CHARS_EACH * len(names)
        if self._chars > _MAX_CHARS:
            self._known.clear()
            self._chars = 0
        else:
            self._known[names] = known
        return known


def _nothing(_: Mapping[str, str]) -> tuple[()]:
    return ()
