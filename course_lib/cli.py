"""The command ``course-lib``: train, score, faces, bench. Heavy imports wait until a command needs them."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Seeing Faces from the command line.", no_args_is_help=True, add_completion=False)
console = Console()
RUNS = Path("_build/training")


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="A recipe or an experiment; see --list.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what can be trained.")] = False,
    seed: Annotated[
        int | None,
        typer.Option(help="Of weights and batches; the recipe's own, or all of an experiment's, if left out."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed, 16-mixed, ...")] = "32-true",
    steps: Annotated[int | None, typer.Option(min=1, help="Fewer or more optimiser steps than the recipe's.")] = None,
    folder: Annotated[Path, typer.Option(help="For checkpoints, weights and card.")] = RUNS,
    fresh: Annotated[bool, typer.Option(help="Start anew instead of going on.")] = False,
    keep: Annotated[bool, typer.Option(help="Also put the result into the book's data folder.")] = False,
    quiet: Annotated[bool, typer.Option(help="No progress bar.")] = False,
) -> None:
    """Train a network by its recipe; Ctrl-C saves, and the same command goes on from there."""
    from course_lib.training import experiments, recipes

    if show or name is None:
        _list()
        raise typer.Exit(0 if show else 2)
    options: dict[str, Any] = {"device": device, "precision": precision, "progress": not quiet}
    if name in experiments():
        if steps is not None:
            raise typer.BadParameter(f"{name} is an experiment with steps of its own")
        if seed is not None and keep:
            raise typer.BadParameter("--keep is for all seeds of an experiment, not for one")
        if seed is not None:
            options["seeds"] = (seed,)
        _experiment(name, folder, fresh, keep, options)
    elif name in recipes():
        changes: dict[str, Any] = {key: value for key, value in (("steps", steps), ("seed", seed)) if value is not None}
        _recipe(dataclasses.replace(recipes()[name], **changes), folder, fresh, keep, options)
    else:
        raise typer.BadParameter(f"{name!r} is neither a recipe nor an experiment; course-lib train --list shows them")


def _list() -> None:
    from course_lib.i18n import say
    from course_lib.training import experiments, recipes

    table = Table("name", "kind", "what", "steps", "CPU minutes", box=None)
    for recipe in recipes().values():
        table.add_row(recipe.name, "recipe", say(recipe.title), str(recipe.steps), f"{recipe.budget:g}")
    for study in experiments().values():
        table.add_row(study.name, "experiment", say(study.title), "", f"{study.budget:g}")
    console.print(table)


def _recipe(recipe: Any, folder: Path, fresh: bool, keep: bool, options: dict[str, Any]) -> None:
    from course_lib import data
    from course_lib.training import train as train_recipe

    try:
        trained, path = train_recipe(recipe, folder=folder, resume=not fresh, **options)
    except ValueError as error:
        _fail(error)
    if path is None:
        console.print(f"stopped after step {trained.step} of {recipe.steps}; the same command goes on from there")
        raise typer.Exit(130)
    if keep:
        target = data.root() / "weights"
        target.mkdir(exist_ok=True)
        for file in (path, path.with_suffix(".json")):
            (target / file.name).write_bytes(file.read_bytes())
        path = target / path.name
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    console.print_json(json.dumps(card["metrics"]))
    console.print(f"{path} ({path.stat().st_size / 1e6:.2f} MB, {card['cpu_minutes']:.1f} CPU minutes)")


def _experiment(name: str, folder: Path, fresh: bool, keep: bool, options: dict[str, Any]) -> None:
    import shutil

    from course_lib import data
    from course_lib.training import experiments

    study = experiments()[name]
    place = folder / (study.folder or name)
    if fresh:
        shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    try:
        record = study.run(folder=place, **options)
    except ValueError as error:
        _fail(error)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from there")
        raise typer.Exit(130) from None
    target = (data.root() / "records" if keep else place) / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    console.print(f"written to {target}")


@app.command()
def score(
    photos: Annotated[list[Path], typer.Argument(help="Image files.")],
    measure: Annotated[list[str] | None, typer.Option(help="Only these measures (repeat the option).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: photo -> measure -> value.")] = False,
) -> None:
    """Measure the image quality of photos: blur, sharpness, light, contrast."""
    from course_lib import images, quality

    results: dict[str, dict[str, float]] = {}
    for photo in photos:
        try:
            values = quality.measure(images.load(photo), measure)
        except (OSError, ValueError) as error:
            _fail(error, f"{photo}: ")
        results[str(photo)] = {name: float(value) for name, value in values.items()}
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
        return
    _show_scores(results)


def _show_scores(results: dict[str, dict[str, float]]) -> None:
    from course_lib import quality
    from course_lib.i18n import say

    table = Table("", *(Path(photo).name for photo in results), say(("better", "更好")), box=None)
    better = {"higher": say(("higher", "越高")), "lower": say(("lower", "越低")), "target": say(("in between", "适中"))}
    first = next(iter(results.values()))
    for record in quality.measures():
        if record.name in first:
            values = [f"{result[record.name]:.4g}" for result in results.values()]
            table.add_row(say(record.label), *values, better[record.direction])
    console.print(table)


@app.command()
def faces(
    output: Annotated[Path, typer.Argument(help="The picture to write, for instance faces.png.")],
    count: Annotated[int, typer.Option(min=1, max=400, help="How many people.")] = 24,
    size: Annotated[int, typer.Option(min=24, max=512, help="Side of each face in pixels.")] = 112,
    seed: Annotated[int, typer.Option(help="Other people for another number.")] = 0,
    occlusion: Annotated[float, typer.Option(min=0, max=1, help="Glasses, hats, masks, hands.")] = 0.0,
) -> None:
    """Render people who do not exist and write them as one contact sheet."""
    import torch
    from PIL import Image

    from course_lib import images
    from course_lib.faces import render, sample_identities, sample_nuisance

    generator = torch.Generator().manual_seed(seed)
    people = sample_identities(count, generator)
    with console.status(f"rendering {count} faces"):
        pictures = render(people, sample_nuisance(count, generator, occlusion=occlusion), size=size).image
    columns = max(1, round((count * 1.5) ** 0.5))
    blank = pictures.new_ones(-count % columns, 3, size, size)
    rows = torch.cat([pictures, blank]).unflatten(0, (-1, columns))
    sheet = rows.permute(2, 0, 3, 1, 4).reshape(1, 3, -1, columns * size)
    try:
        Image.fromarray(images.to_array(sheet)).save(output)
    except (OSError, ValueError) as error:
        _fail(error)
    console.print(f"{output}: {count} faces of {size} pixels")


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def bench(options: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Time every measure against the loop that a user would write; options as python -m course_lib.bench --help."""
    from course_lib.bench.__main__ import main as run

    run(options or [])


def _fail(error: Exception, before: str = "") -> NoReturn:
    Console(stderr=True).print(f"[red]{before}{error}", highlight=False, soft_wrap=True)
    raise typer.Exit(1) from error


def main() -> None:
    """Run the command."""
    os.environ.setdefault("PYTHONIOENCODING", "utf-8")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Chinese shows question marks instead of failing
    app()


if __name__ == "__main__":
    main()
