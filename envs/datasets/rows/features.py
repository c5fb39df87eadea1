"""Parts of a table of rows become features."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.rows.checks import note_on_copies, notes_on_twins
from rl_designer.envs.datasets.rows.encoding import RowEncoding, check_size
from rl_designer.envs.datasets.rows.learning import learned
from rl_designer.envs.datasets.rows.table import Rows


def features_of(
    x: Mapping[str, Rows], y: Mapping[str, NDArray[Any]], where: str
) -> tuple[dict[str, Any], RowEncoding, tuple[str, ...]]:
    """Rows as features, by what the training part alone decides, and what is said of it.

    Raises:
        DatasetError: as `learned`, `check_size` and `RowEncoding.apply`.
    """
    encoding = learned(x["train"], where)
    check_size(encoding, sum(map(len, x.values())), where)
    try:
        ready = {part: encoding.apply(rows) for part, rows in x.items()}
    except DatasetError as error:
        raise DatasetError(f"{where}: {error}") from None
    summary = () if encoding.plain else (f"{where}: {encoding.summary}",)
    twins = tuple(f"{where}: {note}" for note in notes_on_twins(ready, y))
    copies = note_on_copies(x["train"], y["train"]) if y["train"].dtype.kind == "f" else ()
    return ready, encoding, summary + twins + tuple(f"{where}: {note}" for note in copies)
