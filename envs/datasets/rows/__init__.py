"""Tables of rows: what their columns hold, and how rows become features, learned from the training part."""

from rl_designer.envs.datasets.rows.encoding import RowEncoding
from rl_designer.envs.datasets.rows.learning import learned
from rl_designer.envs.datasets.rows.table import Rows

__all__ = ["RowEncoding", "Rows", "learned"]
