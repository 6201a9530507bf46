"""The quick loop runs the tests that a change touches."""

import pytest

from tests.affected import ROOT, UNIT, affected

ALL = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(UNIT))


@pytest.mark.parametrize(
    ("file", "touched"),
    [
        ("harness/numerics/intervals.py", "tests/unit/harness/numerics/test_intervals.py"),
        # By way of harness.comparison.
        ("harness/numerics/intervals.py", "tests/unit/harness/conclusions/test_comparison.py"),
        ("viewer/zscore.py", "tests/unit/viewer/test_zscore.py"),
        ("tests/builders/results.py", "tests/unit/reports/test_reports.py"),
        ("engines/baseline/lines.py", "tests/unit/engines/test_baseline.py"),
        ("engines/contract/record.py", "tests/unit/contract/test_record.py"),
        ("tests/unit/harness/processes/test_guard.py", "tests/unit/harness/processes/test_guard.py"),
        ("docs/tuning.md", "tests/unit/repository/test_docs.py"),
    ],
)
def test_what_imports_or_names_a_file_is_touched_by_it(file: str, touched: str) -> None:
    assert touched in affected([file])


def test_what_does_neither_is_not() -> None:
    assert affected(["/".join(["q" * 9] * 2)]) == []
    assert "tests/unit/harness/processes/test_guard.py" not in affected(["viewer/zscore.py"])
    assert 0 < len(affected(["viewer/zscore.py"])) < len(ALL) / 4
