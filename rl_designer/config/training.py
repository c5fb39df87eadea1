"""`Training` and `Where`: how the designs are trained, and where."""

from typing import Literal

from rl_designer.declared import Bytes, Count, Name, Seconds, Settings, setting
from rl_designer.envs.extensions import with_whole_path
from rl_designer.envs.training.settings import TrainingSettings

DEFAULT_EPOCHS = TrainingSettings().epochs
DEFAULT_FIDELITY = "quarters"
DEFAULT_ENGINE = "local"


class Recipe(Settings):
    """How a network is trained; None is for the default."""

    epochs: Count | None = setting("Epochs of each training.", shown=str(DEFAULT_EPOCHS))
    augment: Name | None = setting(
        "Vary the training data: shift; images also flip-shift, flip-shift-erase; texts drop-symbols.",
        "NAME",
        shown="no",
    )
    precision: Literal["float32", "bfloat16"] | None = setting(
        "Of the trainings' products; bfloat16 is faster on GPUs, and on CPUs with AVX-512 BF16 or AMX.",
        shown="float32",
    )
    optimizer: Literal["adamw", "muon", "sgd"] | None = setting(
        "Of the trainings; muon is slower and often better.", shown="adamw"
    )
    class_weights: Literal["none", "balanced"] | None = setting(
        "Of the classes in the loss; balanced lets rare ones weigh as much as others.", shown="none"
    )


class Training(Recipe):
    """How the designs are trained; on a table nothing is."""

    hyperparameters: bool | None = setting(
        "Design how each network is trained, too: optimiser, learning rate, weight decay, label smoothing, "
        "batch size, augmentation; a space of your own may list its own choices instead.",
        shown="no",
    )
    metric: Name | None = setting(
        "What is good: accuracy, balanced-accuracy, f1-macro, auroc, log-loss; r2, rmse, mae of a number; or "
        "your own file.py:function of (outputs, y).",
        "NAME|FILE.py:FUNCTION",
        shown="accuracy, or r2 where a number is predicted",
        may_be_code=True,
        kept=with_whole_path,
    )
    folds: Count | None = setting(
        "Parts of the examples, at most 5, of which each in turn is validated on; the worse designs stop "
        "after some of them.",
        shown="5 where fewer than 200 examples would be validated on, else 1",
    )
    examples: Count | None = setting("Train the designs on so many of the training examples.", shown="all")
    fidelity: Literal["full", "quarters", "halving"] | None = setting(
        "Which trainings go on: quarters, of all designs so far the best three quarters after a quarter "
        "of the epochs, the best half after half, the best quarter after three quarters; halving, the "
        "best half after a quarter, the best quarter after half; full, all.",
        shown="quarters, or full where the reward needs whole trainings",
    )
    candidate_time_limit: Seconds | None = setting("Limit for the training of one design.")
    candidate_memory_limit: Bytes | None = setting(
        "Memory for the process that trains one design, such as 2G.", shown="half of the machine's"
    )

    def folds_on(self, usual: int) -> int:
        """How many folds designs are scored on: what is set, else those that are usual on the data."""
        return usual if self.folds is None else self.folds

    def settings(self) -> TrainingSettings:
        """The recipe as the trainings take it. Raises ValueError for an unknown augmentation."""
        given = self.given().items()
        return TrainingSettings(**{name: value for name, value in given if name in Recipe.model_fields})


class Where(Settings):
    """Where the designs are trained. No result depends on it, but for the device's last bits."""

    workers: Count | None = setting(
        "Trainings at the same time.", shown="one a core, on a GPU at most 8", changes_result=False
    )
    engine: Literal["local", "ray"] | None = setting(
        "Where designs are trained: by processes of this machine, or by a cluster with Ray (needs the "
        "extra `ray`).",
        shown=DEFAULT_ENGINE,
        changes_result=False,
    )
    ray_address: Name | None = setting(
        "The Ray cluster's head, or auto for the cluster that has a node here.",
        "HOST:PORT",
        shown="RAY_ADDRESS, else Ray on this machine alone",
        needs="engine ray",
        changes_result=False,
    )
    gpus_per_candidate: float | None = setting(
        "Share of a GPU for each training by Ray, such as 0.25.",
        shown="the cluster's GPUs by its cores, at least 0.125",
        needs="engine ray",
        changes_result=False,
        limits={"ge": 0, "le": 1},
    )
    device: Name | None = setting("auto, cpu, cuda …", "NAME", shown="auto")
