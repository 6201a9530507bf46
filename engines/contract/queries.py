"""The queries that an engine may be asked for, and the keys of their answers. Definitions: docs/queries.md.

An answer is an upsert in the aggregates topic: a key, and a number in decimal. Like a count's key (see
`engines.contract.aggregate`), every key begins with a number of seconds, by which answers are kept in Redis.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from engines.contract.aggregate import decode_key

COUNTS = "counts"
DISTINCT_CALLERS, DISTINCT_CALLERS_HLL = "distinct-callers", "distinct-callers-hll"
TOP_COUNTIES, SESSIONS, PAIRS = "top-counties", "sessions", "pairs"

#: The greatest relative standard error that `DISTINCT_CALLERS_HLL` may have.
HLL_STANDARD_ERROR = 0.01

_NUMBER = r"\+1[2-9][0-9]{9}"


@dataclass(frozen=True)
class Query:
    """A query.

    Attributes:
        name: what users call it.
        version: of its definition; another definition is another version.
        parameters: their names, and their values by default; whole numbers from 1 on.
        shape: of its keys, for people.
        pattern: what its keys match.
    """

    name: str
    version: int
    parameters: dict[str, int]
    shape: str
    pattern: str

    def key_check(self) -> Callable[[bytes], object]:
        """What raises ValueError for a key that is none of this query's."""
        if self.name == COUNTS:
            return decode_key
        matches = re.compile(self.pattern.encode("ascii")).fullmatch

        def check(key: bytes) -> None:
            if not matches(key):
                raise ValueError(f"key {key!r} is not {self.shape}")

        return check


#: Every query by its name.
QUERIES = {
    query.name: query
    for query in (
        Query(COUNTS, 1, {}, "WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE", ""),
        Query(DISTINCT_CALLERS, 1, {"window_s": 10}, "WINDOW_S|COUNTY_FIPS", r"[0-9]+\|[0-9]{5}"),
        Query(DISTINCT_CALLERS_HLL, 1, {"window_s": 10}, "WINDOW_S|COUNTY_FIPS", r"[0-9]+\|[0-9]{5}"),
        Query(TOP_COUNTIES, 1, {"window_s": 10, "k": 10}, "WINDOW_S|RANK", r"[0-9]+\|[1-9][0-9]*"),
        Query(SESSIONS, 1, {"gap_s": 5}, "START_S|CALLER|START_MS|END_MS", rf"[0-9]+\|{_NUMBER}\|[0-9]+\|[0-9]+"),
        Query(PAIRS, 1, {"window_s": 10, "within_s": 2}, "WINDOW_S|LOWER|HIGHER", rf"[0-9]+\|{_NUMBER}\|{_NUMBER}"),
    )
}
