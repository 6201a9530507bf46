"""Whether code has changed since a run began."""

from pathlib import Path

from harness.engines.code import code_digest
from harness.engines.engine import Engine


def test_the_digest_of_code_changes_with_a_line_a_new_file_and_a_name_and_with_nothing_else(tmp_path: Path) -> None:
    folder, main = tmp_path / "engine", tmp_path / "engine" / "main.py"
    (folder / "__pycache__").mkdir(parents=True)
    engine = Engine(name="mine", directory=folder, description="", entry="main.py", requirements="requirements.lock")
    main.write_text("A = 1\n", encoding="utf-8")
    digests = [code_digest([engine])]
    main.write_text("A = 2\n", encoding="utf-8")
    digests.append(code_digest([engine]))
    (folder / "Sink.java").write_text("", encoding="utf-8")
    digests.append(code_digest([engine]))
    (folder / "Sink.java").rename(folder / "Source.java")
    digests.append(code_digest([engine]))
    (folder / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"1")
    (folder / "notes.md").write_text("1", encoding="utf-8")
    main.touch()
    assert code_digest([engine]) == digests[-1]
    assert len(set(digests)) == len(digests)
