"""A user's own arrays: `.npz` files, read without pickle."""

import zipfile
from pathlib import Path

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.arrays import array_names, raw_of
from rl_designer.envs.files.archives import DAMAGE, HoldsObjects, open_archive


def read_npz(path: Path) -> RawData:
    """`x` and `y`, or `x_train` and `y_train` with any of `x_val`, `y_val` and `x_test`, `y_test`.

    x is [n, features], [n, length], [n, channels, length], [n, height, width] or
    [n, channels, height, width], of any real number type; y is [n], integers or text.

    Raises:
        DatasetError: for a damaged file, missing arrays, or arrays that only pickle can read.
    """
    try:
        with path.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise DatasetError(
                    f"{named(path)} must be an .npz file as np.savez writes it, got another format"
                )
        with open_archive(path) as archive:
            wanted = array_names(archive.names, named(path))
            arrays = archive.read(name for pair in wanted.values() for name in pair)
    except DatasetError:
        raise
    except HoldsObjects as reason:
        raise DatasetError(
            f"{reason.name} of {named(path)} holds Python objects, which only pickle could read; "
            "save numbers, and text as text: y.astype(str)"
        ) from reason
    except DAMAGE as reason:
        raise unreadable(path, "an .npz file", reason) from reason
    return raw_of(arrays, path.stem, named(path))
