"""The training side: a recipe says what is learnt from what, one loop trains any of them, a card says what came out.

`recipe` holds what a recipe is, `cookbook/` one small file each, `loop` the training loop on Lightning Fabric, `store`
weights with their cards.
"""

from course_lib.training.loop import Trained, fit
from course_lib.training.recipe import Experiment, Recipe
from course_lib.training.registry import experiments, recipes
from course_lib.training.store import train, write

__all__ = ["Experiment", "Recipe", "Trained", "experiments", "fit", "recipes", "train", "write"]
