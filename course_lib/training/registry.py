"""All recipes and experiments by name: whatever the files in `course_lib/training/cookbook` list."""

import functools
import importlib
import pkgutil

from course_lib.training.recipe import Experiment, Recipe


@functools.cache
def _listed() -> tuple[dict[str, Recipe], dict[str, Experiment]]:
    from course_lib.training import cookbook as package

    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(package.__path__, package.__name__ + ".")]
    found = [recipe for module in modules for recipe in getattr(module, "RECIPES", ())]
    studies = [study for module in modules for study in getattr(module, "EXPERIMENTS", ())]
    names = [item.name for item in (*found, *studies)]
    if len(names) != len(set(names)):
        raise ValueError(f"two recipes share a name: {sorted(n for n in names if names.count(n) > 1)}")
    return {recipe.name: recipe for recipe in found}, {study.name: study for study in studies}


def recipes() -> dict[str, Recipe]:
    """Every recipe by name: what the modules of `training/cookbook` list in ``RECIPES``."""
    return dict(_listed()[0])


def experiments() -> dict[str, Experiment]:
    """Every experiment by name: what the modules of `training/cookbook` list in ``EXPERIMENTS``."""
    return dict(_listed()[1])
