"""What is written for the viewer's pages, and what they come to show."""

import random

from tests.integration.viewers import Page, Writer, in_redis
from viewer.cells import NUMBERS

EPOCH_S = 1_767_225_600
NAMES = list(NUMBERS)


def windows(first: int, last: int, seed: int = 1, cells: int = 40) -> list[dict[bytes, bytes]]:
    """A transaction for each second, with random counts of some random cells of it and of the second before."""
    made = random.Random(seed)
    return [
        {
            b"%d|%b" % (EPOCH_S + second - back, made.choice(NAMES)): b"%d" % made.randrange(1, 500)
            for back in (0, 1)
            for _ in range(cells)
        }
        for second in range(first, last)
    ]


def write_all(writer: Writer, transactions: list[dict[bytes, bytes]]) -> None:
    """Write transactions one after the other."""
    for each in transactions:
        writer.write(each)


def converges(page: Page, writer: Writer, redis_url: str) -> None:
    """The page comes to show what Redis holds."""
    page.wait_for(in_redis(redis_url, writer.namespace))
