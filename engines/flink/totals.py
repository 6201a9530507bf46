"""How many records were late, from totals of Flink's operators, which are told one after the other and now and then."""


class Late:
    """Records that are neither malformed nor counted. A record on its way between two operators is not one of them."""

    def __init__(self) -> None:
        self._read_before: int | None = None
        self._late: int | None = None

    def found(self, read: int | None, malformed: int | None, counted: int | None) -> int | None:
        """How many are known to be late, of those that had been read when this was asked before; never fewer than then.

        Args:
            read: records that the source has read in all; None if that is not known, as the other two.
            malformed: of these, those that were written as dead letters.
            counted: of these, those that were counted.
        """
        before, self._read_before = self._read_before, read
        if before is not None and malformed is not None and counted is not None:
            self._late = max(self._late or 0, before - malformed - counted)
        return self._late
