"""A digest of our own source: what other code has computed is another figure."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def source_digest(*modules: str) -> str:
    """12 hexadecimal characters of SHA-256, the same wherever the package is installed; of the files as they
    are when this process asks first, which is what it runs.

    Args:
        modules: full names, such as `rl_designer.agents`; of a package all that is in it counts.
    """
    content = hashlib.sha256()
    for module in sorted(modules):
        spec = find_spec(module)
        assert spec is not None and spec.origin is not None
        origin = Path(spec.origin)
        folder = origin.parent
        files = folder.rglob("*.py") if spec.submodule_search_locations else [origin]
        for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in files):
            content.update(f"\0{module}\0{name}\0".encode() + file.read_bytes())
    return content.hexdigest()[:12]
