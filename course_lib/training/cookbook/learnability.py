"""Can rendered faces be told apart, and not by a thumbnail? Three trainings and their baselines."""

from course_lib.training.learnability import RECIPE
from course_lib.training.learnability_record import record
from course_lib.training.recipe import Experiment

EXPERIMENTS = (Experiment("learnability", RECIPE.title, record, budget=28.0),)
