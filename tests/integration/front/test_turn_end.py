"""What must be done before answers leave is done, whichever way they are made."""

import pytest

from tests.integration.front.served import served


@pytest.mark.parametrize("path", [b"/lane", b"/a", b"/chunked", b"/fail"])
async def test_nothing_leaves_unprepared(path: bytes) -> None:
    """What comes before answers is told of each request's answer before the caller has a byte of it."""
    async with served() as door:
        answered: list[int] = []
        door.app.turn_end.before_leaving.append(lambda: answered.append(len(door.app.bodies)))
        caller = await door.connect()
        for number in range(1, 4):
            await caller.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            assert b"HTTP/1.1 " in await caller.head()
            assert answered[-1] == number
            caller = await door.connect()


async def test_a_turn_with_many_answers_is_prepared_once() -> None:
    """Ten requests in one piece are answered in one turn."""
    async with served() as door:
        prepared: list[int] = []
        door.app.turn_end.before_leaving.append(lambda: prepared.append(len(door.app.bodies)))
        caller = await door.connect()
        await caller.send(b"GET /lane HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        for number in range(1, 11):
            assert (await caller.answer())[2] == b"%d lane " % number
        assert prepared == [10]


@pytest.mark.parametrize("path", [b"/lane", b"/a"])
async def test_a_caller_that_stops_sending_at_once_gets_its_answer(path: bytes) -> None:
    """Its last byte and the end of its sending may be seen in the turn that answers it."""
    async with served() as door:
        for _ in range(20):
            caller = await door.connect()
            caller.writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            caller.writer.write_eof()
            said = await caller.rest()
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
