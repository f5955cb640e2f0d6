"""How many calls a service gets a second time; the clock is turned by hand."""

from gateway.upstream import RetryBudget


def test_a_tenth_of_the_calls_may_be_repeated() -> None:
    """1,000 calls that all ask: 100 are sent again, the others are counted as refused."""
    budget = RetryBudget()
    for number in range(1000):
        budget.call_begins(1 + number / 1000)
    assert sum(budget.take(2.0) for _ in range(1000)) == 100
    assert (budget.retries, budget.refused) == (100, 900)


def test_few_calls_may_be_repeated_three_times() -> None:
    """However few there are; again when the window has passed."""
    budget = RetryBudget()
    budget.call_begins(1.0)
    assert [budget.take(1.0) for _ in range(5)] == [True, True, True, False, False]
    assert [budget.take(10.9) for _ in range(2)] == [False, False]
    assert [budget.take(11.0) for _ in range(5)] == [True, True, True, False, False]


def test_calls_of_long_ago_earn_nothing() -> None:
    """The share is of the last ten seconds' calls."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.call_begins(1.0)
    assert sum(budget.take(20.0) for _ in range(100)) == 3


def test_what_was_not_sent_is_given_back() -> None:
    """A second asking whose connection is refused costs nothing, also when its second has passed."""
    budget = RetryBudget()
    assert all(budget.take(1.0) for _ in range(3)) and not budget.take(1.0)
    budget.give_back()
    assert budget.take(1.0) and not budget.take(1.0)
    budget.take(3.0)
    budget.give_back()
    assert budget.retries == 2
    assert not budget.take(3.0)


def test_what_is_sent_anyhow_counts() -> None:
    """Connections that died idle are replaced without asking, and others wait until the share is right again."""
    budget = RetryBudget()
    assert all(budget.take(1.0, even_so=True) for _ in range(20))
    assert not budget.take(1.0)
    for _ in range(201):
        budget.call_begins(2.0)
    assert budget.take(2.0) and not budget.take(2.0)
