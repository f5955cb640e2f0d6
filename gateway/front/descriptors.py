"""How many connections a process can hold at all: called once, when a gateway process starts."""

import resource

_ENOUGH = 65_536


def raise_descriptor_limit() -> int:
    """Lifts the soft limit of open files as far as the hard one allows, to 65,536 at most; returns what it is then.

    Shells and service managers leave it at 1,024, which idle connections alone can fill.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else _ENOUGH
