"""Some entities of a matrix as if there were no others."""

from collections.abc import Mapping, Sequence

import numpy as np

from handlers.embedding.index.block import Block
from handlers.embedding.index.matrix import Matrix


class Some:
    """Gathered into one block, to be scanned as a whole matrix is."""

    def __init__(self, matrix: Matrix, entity_ids: Sequence[str]) -> None:
        """Of these ids those that are in ``matrix``."""
        places: dict[int, list[tuple[int, str]]] = {}
        for each in entity_ids:
            if each in matrix:
                number, place = matrix.place_of(each)
                places.setdefault(number, []).append((place, each))
        in_order = {number: sorted(each) for number, each in places.items()}
        parts = [
            (matrix.blocks[number], np.array([place for place, _ in each], np.intp))
            for number, each in in_order.items()
        ]
        self._block = Block.gathered(matrix.dimensions, parts)
        self._place_of = {each: at for at, each in enumerate(name for some in in_order.values() for _, name in some)}
        self.blocks: Mapping[int, Block] = {0: self._block}

    def __len__(self) -> int:
        return len(self._place_of)

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._place_of

    def place_of(self, entity_id: str) -> tuple[int, int]:
        """The number of the block, and the place of an entity there."""
        return 0, self._place_of[entity_id]
