"""Data sets: a name or a path becomes arrays with a fixed train / validation / sealed test split."""

from rl_designer.envs.datasets.catalogue import DATASETS, load_dataset
from rl_designer.envs.datasets.dataset import Dataset, Kind, SealedTest
from rl_designer.envs.datasets.encoding import Standardisation
from rl_designer.envs.datasets.errors import DatasetError

__all__ = ["DATASETS", "Dataset", "DatasetError", "Kind", "SealedTest", "Standardisation", "load_dataset"]
