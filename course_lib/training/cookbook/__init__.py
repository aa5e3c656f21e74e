"""One small file a recipe; each lists its recipes in ``RECIPES`` and its experiments in ``EXPERIMENTS``."""
