"""`dashboard`."""

from importlib.util import find_spec
from pathlib import Path

import click

from rl_designer.commands.options import FOLDER, note, output_options, print_json

_PACKAGES = ("nicegui", "psutil")


@click.command()
@click.argument("folders", metavar="[RUN]...", type=FOLDER, nargs=-1)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="On 127.0.0.1, which alone is served.  [default: a free one]",
)
@click.option("--no-open", is_flag=True, help="Print the address, and open no browser.")
@click.option("--store", metavar="FILE|URL", help="The runs' store, where it was moved.")
@output_options
def dashboard(
    folders: tuple[Path, ...], port: int | None, no_open: bool, store: str | None, as_json: bool, quiet: bool
) -> None:
    """Follow runs in the browser, stop them, let them go on.

    Figures, designs as they come, samples from the policy, runs side by side. Without a RUN, those in ./runs.
    Ctrl-C ends the dashboard; searches go on. Only who knows the address with its token can see or do
    anything. With --json the address as `url`, at once.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise ImportError(
            f"the dashboard needs {' and '.join(missing)}, which isn't installed: "
            "pip install 'rl-designer[dashboard]'"
        )
    from rl_designer.dashboard.server import serve
    from rl_designer.dashboard.watch import Catalogue

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url, "runs": [str(folder) for folder in folders]})
            return
        click.echo(url)
        note("Ctrl-C ends the dashboard; searches go on.", quiet)

    serve(Catalogue(folders, store), port, ready, opens=not no_open)
