"""Load shapes that are curves: how many users there should be, as a function of time."""

from collections.abc import Callable

STEPS = 5
#: Of a spike: the share of the users that watch all the time, and when the others come and go.
SPIKE_BASE_SHARE, SPIKE_FROM, SPIKE_TO = 0.2, 1 / 3, 2 / 3


def ramp(users: int, duration_s: int, t_s: float) -> int:
    """Ever more, up to `users` at the end."""
    return max(1, round(users * min(t_s / duration_s, 1)))


def steps(users: int, duration_s: int, t_s: float) -> int:
    """The same in five steps."""
    return max(1, round(users * min(int(t_s / duration_s * STEPS) + 1, STEPS) / STEPS))


def spike(users: int, duration_s: int, t_s: float) -> int:
    """A fifth, and all `users` in the middle third."""
    base = max(1, round(users * SPIKE_BASE_SHARE))
    return users if SPIKE_FROM <= t_s / duration_s < SPIKE_TO else base


CURVES: dict[str, Callable[[int, int, float], int]] = {"ramp": ramp, "step": steps, "spike": spike}
