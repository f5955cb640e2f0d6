"""The end of a turn: order, what comes before answers, what becomes of connections that close."""

import asyncio
import logging

import pytest

from gateway.turn_end import MAX_HELD_BYTES, TurnEnd


class Wire(asyncio.WriteTransport):
    """Notes what is written to it in a log that all share."""

    def __init__(self, name: str, log: list[object]) -> None:
        super().__init__()
        self._name = name
        self._log = log
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data == b"bad":
            raise RuntimeError("a bug")
        self._log.append((self._name, bytes(data)))

    def close(self) -> None:
        self._closing = True
        self._log.append((self._name, None))

    def is_closing(self) -> bool:
        return self._closing


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_turns_answers_leave_together_in_their_order_after_one_preparation() -> None:
    """Nothing leaves in the turn itself; a turn that answers nothing prepares nothing."""
    log: list[object] = []
    end = TurnEnd(asyncio.get_running_loop())
    end.before_leaving += [lambda: log.append("first"), lambda: log.append("second")]
    one, other = Wire("one", log), Wire("other", log)
    await turn()
    assert log == []
    end.write(one, b"1")
    end.write(other, b"2")
    end.write(one, b"3")
    end.close(one)
    assert log == []
    await turn()
    assert log == ["first", "second", ("one", b"1"), ("other", b"2"), ("one", b"3"), ("one", None)]
    log.clear()
    end.write(one, b"too late")
    end.close(other)
    await turn()
    assert log == ["first", "second", ("other", None)]
    log.clear()
    end.close(other)
    assert log == [("other", None)]  # nothing is held that it would have to wait for


async def test_what_fails_costs_nobody_else_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a preparation nor a connection; both stand in the process log."""
    log: list[object] = []
    end = TurnEnd(asyncio.get_running_loop())

    def broken() -> None:
        raise OSError("no space left")

    end.before_leaving += [broken, lambda: log.append("prepared")]
    end.write(Wire("one", log), b"bad")
    end.write(Wire("other", log), b"good")
    with caplog.at_level(logging.ERROR):
        await turn()
    assert log == ["prepared", ("other", b"good")]
    assert "no space left" in caplog.text
    assert "an answer could not be written" in caplog.text


async def test_much_does_not_wait() -> None:
    """Past the bound a turn's answers leave at once, prepared, and once."""
    log: list[object] = []
    end = TurnEnd(asyncio.get_running_loop())
    end.before_leaving.append(lambda: log.append("prepared"))
    wire = Wire("one", log)
    end.write(wire, b"x")
    end.write(wire, b"y" * MAX_HELD_BYTES)
    assert log == ["prepared", ("one", b"x"), ("one", b"y" * MAX_HELD_BYTES)]
    await turn()
    assert len(log) == 3
