"""Run the solution of a notebook that trains models, in a folder that keeps the state of its runs.

    export LABS_PROFILE=full OMP_NUM_THREADS=1
    nice python tools/train/train_notebook.py exercises/03-sequence-models sentiment --out DIR

Run it again and every training goes on after its last finished epoch. What is trained is exactly what the
notebook says: its cells are run one after the other, without a kernel. The folder's `runs` then holds records
and weights of the notebook's models; `--keep` copies them into the lab's folders `records` and `weights`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import click
import torch
from labbuild.compile import compile_lab

__all__ = ["main", "run_notebook"]


def run_notebook(
    lab_folder: Path, name: str, folder: Path, until: str = "", skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Run the code cells of a compiled solution notebook, one after the other, in a folder.

    Args:
        lab_folder: of the lab.
        name: of the notebook.
        folder: becomes the working directory; companion modules are read from the lab's folder.
        until: stop after the first cell that holds this text; "" runs them all.
        skip: leave out cells that hold one of these texts, to train one of several models.

    Returns:
        The names that the cells have bound.

    """
    lab_folder = lab_folder.resolve()
    notebook = next(notebook for notebook in compile_lab(lab_folder).notebooks if notebook.name == name)
    sys.path.insert(0, str(lab_folder))
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    for index, cell in enumerate(notebook.solution["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source.startswith("%") or "hand_in(" in source:
            continue
        if any(text in source for text in skip):
            continue
        started = time.process_time()
        exec(compile(source, f"<{name}-{index}>", "exec"), names)  # noqa: S102 - the course's own notebook
        seconds = time.process_time() - started
        if seconds > 1:
            click.echo(f"[cell {index}: {seconds:.1f} CPU seconds]", err=True)
        if until and until in source:
            break
    return names


def keep_runs(folder: Path, lab_folder: Path) -> list[Path]:
    """Copy finished records and weights into the lab; return the copies."""
    kept = []
    for kind, suffix in (("records", ".json"), ("weights", ".safetensors")):
        (lab_folder / kind).mkdir(exist_ok=True)
        kept += [
            Path(shutil.copyfile(path, lab_folder / kind / path.name))
            for path in sorted((folder / "runs").glob(f"*{suffix}"))
        ]
    return kept


@click.command()
@click.argument("lab", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("notebook")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that keeps the runs.")
@click.option("--until", default="", help="Stop after the first cell that holds this text.")
@click.option("--skip", multiple=True, help="Leave out cells that hold this text; repeatable.")
@click.option("--keep", is_flag=True, help="Copy records and weights into the lab when all is done.")
def main(lab: Path, notebook: str, out: Path, until: str, skip: tuple[str, ...], keep: bool) -> None:
    """Run NOTEBOOK of the lab in the folder LAB."""
    import matplotlib as mpl

    mpl.use("Agg")
    lab, out = lab.resolve(), out.resolve()
    torch.set_flush_denormal(True)  # tiny numbers of the optimizer cost a CPU much time
    run_notebook(lab, notebook, out, until, skip)
    for path in keep_runs(out, lab) if keep else []:
        click.echo(f"kept {path}")


if __name__ == "__main__":
    main()
