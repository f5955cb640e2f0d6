"""Request ids."""

from gateway.endpoint import RequestIds


def test_request_ids_differ_within_and_between_processes() -> None:
    """Two makers of ids stand for two processes."""
    one, other = RequestIds(), RequestIds()
    ids = {one.next() for _ in range(1000)} | {other.next() for _ in range(1000)}
    assert len(ids) == 2000
    assert all(id_.isalnum() and len(id_) == 24 for id_ in ids)
