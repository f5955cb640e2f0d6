"""`pailou sign`: the words of its command line."""


def parse_params(words: list[str]) -> dict[str, str]:
    """`name=value` words. Raises ValueError for a word without a name and for a name given twice."""
    params: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise ValueError(f"{word!r} must read name=value")
        if name in params:
            raise ValueError(f"{name} is given twice")
        params[name] = value
    return params
