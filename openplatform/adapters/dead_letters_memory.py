"""The dead letters of the all-in-one's call log queue."""

from openplatform.adapters.batch_queue_memory import Batches, KeptLetters, MemoryBatchPublisher
from openplatform.records import DeadLetterPage, DeadLetterQuery


class MemoryDeadLetters:
    """Plays DeadLetters; they end with the process."""

    def __init__(self, letters: KeptLetters, batches: Batches) -> None:
        self._letters = letters
        self._publisher = MemoryBatchPublisher(batches)

    async def count(self) -> int:
        return len(self._letters)

    async def look(self, query: DeadLetterQuery, *, limit: int) -> DeadLetterPage:
        meant = [letter for letter in self._letters if query.means(letter)]
        return DeadLetterPage(letters=tuple(meant[:limit]), total=len(self._letters), looked_at=len(self._letters))

    async def replay(self, query: DeadLetterQuery, *, limit: int) -> int:
        meant = [letter for letter in self._letters if query.means(letter)][:limit]
        for letter in meant:
            await self._publisher.publish(letter.body, node="replay")
            self._letters.remove(letter)
        return len(meant)
