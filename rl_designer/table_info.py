"""What is to be known of an architecture table at a glance."""

from typing import Any

import numpy as np

from rl_designer.envs.architecture_table import ArchitectureTable


def table_info(table: ArchitectureTable) -> dict[str, Any]:
    """JSON-ready: what `table info` shows."""
    return {
        "name": table.name,
        "title": table.title,
        "source": table.source,
        "architectures": len(table.architectures),
        "distinct": len(np.unique(table.canonical)),
        "decisions": [{"name": name, "options": list(options)} for name, options in table.decisions],
        "metrics": {name: _metric(table, name) for name in table.metrics},
        "tasks": {name: {"search": task.search, "report": task.report} for name, task in table.tasks.items()},
    }


def _metric(table: ArchitectureTable, name: str) -> dict[str, Any]:
    values = table.metrics[name].astype(np.float64)
    known = values[~np.isnan(values)]
    return {
        **table.metric_facts[name],
        "repeats": values.shape[1],
        "missing": int(np.isnan(values).sum()),
        "lowest": float(known.min()) if len(known) else None,
        "median": float(np.median(known)) if len(known) else None,
        "highest": float(known.max()) if len(known) else None,
    }


def info_lines(info: dict[str, Any]) -> str:
    return f"{info['name']}: {info['title']}; {info['architectures']:,} designs"
