"""Text made of a form's values."""

from hypothesis import given
from hypothesis import strategies as st

from openplatform import form_text
from openplatform.form_text import FormText, Parts

FORMS = st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=6)


def shown(names: tuple[str, ...]) -> Parts:
    return [(f"[{name}]", None if name.startswith("a") else name) for name in names]


@given(st.lists(FORMS, max_size=6))
def test_a_known_form_reads_as_one_that_is_new(forms: list[dict[str, str]]) -> None:
    """Whatever the names, percent signs among them, and in whatever order forms come: the text is the same."""
    text = FormText(shown)
    for form in forms * 2:
        said = "".join(f"[{name}]" + ("" if name.startswith("a") else value) for name, value in form.items())
        assert text.of(form) == said


def test_what_is_remembered_is_bounded() -> None:
    """Callers who make up names fill no memory: what is known is forgotten, never wrong."""
    text = FormText(shown)
    for number in range(5000):
        assert text.of({f"n{number}": "v"}) == f"[n{number}]v"
    assert len(text._known) <= form_text._MAX_CHARS // form_text._ADDED_CHARS
    huge = "n" * form_text._MAX_CHARS
    assert text.of({huge: "v"}) == f"[{huge}]v"
    assert (huge,) not in text._known
