"""Whatever ends a command early, what is finished is kept, and what is missing is said."""

import signal

import pytest
import redis
from confluent_kafka import KafkaError, KafkaException

from harness.console.interrupt import SIGNALS
from harness.console.redaction import conceal
from harness.errors import ServiceError
from harness.session.ending import Ending, is_interrupted

ERRORS = {
    4: [
        ServiceError("Kafka does not answer", fix="start it"),
        KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)),
        redis.ConnectionError("refused"),
        TimeoutError("30 s"),
        OSError(28, "No space left on device"),
        MemoryError(),
    ],
    70: [KeyError("engine"), AssertionError()],
    130: [KeyboardInterrupt()],
}


def end_by(error: BaseException, finished: int) -> tuple[Ending, list[int], list[str]]:
    """Parts of which the one after so many finished ones fails."""
    done: list[int] = []
    told: list[str] = []
    with Ending(told.append, kept=lambda: done) as ending:
        for number in range(finished + 1):
            ending.begins(f"part {number + 1}")
            if number == finished:
                raise error
            done.append(number)
    return ending, done, told


@pytest.mark.parametrize(("code", "error"), [(code, each) for code, errors in ERRORS.items() for each in errors])
def test_finished_parts_survive_every_error_and_the_result_says_what_is_missing(
    code: int, error: BaseException
) -> None:
    ending, done, told = end_by(error, finished=2)
    assert done == [0, 1]
    assert ending.missing and ending.missing.exit_code == code
    assert ending.missing.what == "part 3 and all after it" and ending.missing.why and ending.missing.fix
    assert told[-1] == f"{ending.missing.text()}; what is finished is kept"
    assert is_interrupted(ending.missing) is (code == 130)
    assert any("Traceback" in each or "KeyError" in each for each in told) or code != 70


@pytest.mark.parametrize("error", [each for errors in ERRORS.values() for each in errors])
def test_where_nothing_is_finished_the_error_is_raised_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)):
        end_by(error, finished=0)


def test_after_a_signal_the_next_ctrl_c_ends_the_command() -> None:
    SIGNALS.install()
    try:
        with Ending(lambda _text: None, kept=lambda: True) as ending:
            signal.raise_signal(signal.SIGTERM)
        assert ending.missing and ending.missing.why == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        SIGNALS.release()


def test_what_is_kept_of_an_error_has_no_secret() -> None:
    conceal("s3cr3t-of-redis")
    ending, _, told = end_by(redis.ConnectionError("redis://:s3cr3t-of-redis@h"), finished=1)
    assert ending.missing and "s3cr3t" not in ending.missing.model_dump_json() and "s3cr3t" not in told[-1]


def test_what_ends_well_has_nothing_missing() -> None:
    with Ending(print, kept=lambda: True) as ending:
        ending.begins("the only part")
    assert ending.missing is None
