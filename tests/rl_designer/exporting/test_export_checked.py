"""The Python files as others have them: without this package, and read by their linters and type checkers."""

from pathlib import Path

from rl_designer.exporting.export import export
from rl_designer.exporting.find import find_subject
from tests.helpers.scripts import script
from tests.rl_designer.exporting.test_export import (
    CELLS,
    every_operation,
    of_every_kind,
    with_constants,
)
from tests.rl_designer.predicting.test_predict import N, table, trained


def test_python_files_run_where_this_package_cannot_be_imported_and_are_as_others_want_them(
    tmp_path: Path,
) -> None:
    """All at once, since mypy reads torch for it."""
    rows = table(tmp_path / "rows.csv", bought=[("no", "yes")[i % 2] for i in range(N)])
    many = [float(number) / 3 for number in range(1, 21)]
    subjects = [
        of_every_kind(),
        *(every_operation(family, shape) for family, shape, *_ in CELLS),
        with_constants([0.1], [1.0]),
        with_constants([-1e-7, 2e30], [1.0]),
        with_constants([0.1], [1.0, 3.0]),
        with_constants(many, many, (20, 20)),
        with_constants([0.1, 0.2], [0.3, 0.4], (4, 20, 20)),
        find_subject(trained(tmp_path / "retrained", rows, target="bought"), {}),
    ]
    for number, subject in enumerate(subjects):
        export(subject, tmp_path / str(number), ["python"])
    said = script("export_parity").checked_by_others(sorted(tmp_path.glob("*/network.py")))
    assert said == {"ruff check": "", "ruff format": "", "alone": "", "mypy": ""}
