"""Signals end a command in good order, and never its clean-up half way. They are received as if they had come."""

import signal
import sys
from collections.abc import Iterator

import pytest
import typer

from harness import cli
from harness.console import interrupt
from harness.console.interrupt import SIGNALS, CleanUp, Interrupt, Signals, Stopped

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Told(Signals):
    """Signals that come ten seconds apart, and what came of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.codes: list[int] = []
        self.said: list[str] = []
        self.apart_s, self._at_s = 10.0, 0.0
        monkeypatch.setattr(interrupt, "_say", self.said.append)
        super().__init__(self.codes.append, self._now_s_)

    def _now_s_(self) -> float:
        self._at_s += self.apart_s
        return self._at_s


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Told:
    found = Told(monkeypatch)
    monkeypatch.setattr(interrupt, "SIGNALS", found)
    return found


@pytest.mark.parametrize(("number", "code"), [(INT, 130), (TERM, 143), (HUP, 129)])
def test_each_signal_is_a_keyboard_interrupt_with_its_own_exit_code(
    signals: Told, number: signal.Signals, code: int
) -> None:
    with pytest.raises(KeyboardInterrupt) as found:
        signals.receive(number)
    assert isinstance(found.value, Stopped) and found.value.number == number
    assert signals.exit_code == code


def test_a_clean_up_is_not_broken_off_and_the_third_ctrl_c_names_what_it_leaves(signals: Told) -> None:
    done = []
    with signals.leaving("the folder /tmp/x"):
        with pytest.raises(Stopped), CleanUp("ending the services") as stack:
            stack.callback(done.append, "last")
            stack.callback(signals.receive, INT)
            stack.callback(done.append, "first")
            signals.receive(INT)
        assert done == ["first", "last"]
        assert signals.said == [
            "Ctrl-C: still ending the services; the next Ctrl-C ends it at once, and leaves the folder /tmp/x"
        ]
        assert signals.codes == []
        signals.receive(INT)
    assert signals.codes == [130]
    assert signals.said[1].startswith("Ctrl-C: ended at once; what is left: the folder /tmp/x")


def test_a_signal_that_comes_first_in_a_clean_up_is_raised_after_it(signals: Told) -> None:
    done = []
    with pytest.raises(Stopped, match="SIGTERM"), CleanUp("ending the services") as stack:
        stack.callback(done.append, "last")
        stack.callback(signals.receive, TERM)
    assert done == ["last"]
    assert signals.said == ["SIGTERM: still ending the services"]


def test_sigterm_and_sighup_never_end_a_clean_up_however_often_they_come(signals: Told) -> None:
    with pytest.raises(Stopped):
        signals.receive(HUP)
    for number in (TERM, HUP, TERM, HUP):
        signals.receive(number)
    assert signals.codes == []
    assert signals.exit_code == 129


def test_the_same_request_that_comes_by_two_ways_is_one(signals: Told) -> None:
    signals.apart_s = 0.1
    with pytest.raises(Stopped):
        signals.receive(INT)
    signals.receive(INT)
    signals.receive(INT)
    assert signals.said == signals.codes == []


def test_where_a_run_ends_in_good_order_only_a_second_ctrl_c_breaks_that_off(signals: Told) -> None:
    with Interrupt() as asked:
        signals.receive(TERM)
        assert asked.has_come and asked.why == "SIGTERM"
        signals.receive(TERM)
        with pytest.raises(Stopped, match="Ctrl-C"):
            signals.receive(INT)
    assert signals.exit_code == 143


def test_a_command_that_works_on_with_what_there_is_is_ended_by_the_next_ctrl_c_only(signals: Told) -> None:
    with pytest.raises(Stopped):
        signals.receive(TERM)
    signals.resume()
    signals.receive(TERM)
    with pytest.raises(Stopped):
        signals.receive(INT)
    assert signals.codes == []


@pytest.fixture
def taken_charge() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (INT, TERM, HUP)}
    yield
    SIGNALS.release()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("taken_charge")
def test_a_signal_that_is_ignored_as_under_nohup_stays_so() -> None:
    signal.signal(HUP, signal.SIG_IGN)
    SIGNALS.install()
    assert signal.getsignal(HUP) == signal.SIG_IGN
    assert signal.getsignal(TERM) == SIGNALS.receive


@pytest.mark.usefixtures("taken_charge")
@pytest.mark.parametrize(("number", "code"), [(INT, 130), (TERM, 143), (HUP, 129)])
def test_the_command_line_ends_with_the_code_of_the_signal_and_ends_what_it_started(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    ended = []
    app = typer.Typer()

    @app.command()
    def command() -> None:
        try:
            signal.raise_signal(number)
        finally:
            ended.append("its own")

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["ringbench"])
    monkeypatch.setattr("harness.processes.process.end_children", lambda: ended.append("children"))
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == code
    assert ended == ["its own", "children"]


@pytest.mark.usefixtures("taken_charge")
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space left on device", "/runs/a"), 4, "error: /runs/a: no space is left on the disk"),
        (BrokenPipeError(32, "Broken pipe"), 4, "error: the system refused something: [Errno 32] Broken pipe"),
        (KeyError("engine"), 70, "error: KeyError: 'engine'"),
    ],
)
def test_an_error_of_the_system_is_one_sentence_and_one_of_our_own_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["ringbench"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == code
    told = capsys.readouterr().err
    assert said in told and "fix:" in told
    assert ("Traceback" in told) is (code == 70)
