"""Seeing Faces: every metric, loss and detector of the book, in batched PyTorch."""

__version__ = "0.1.0"
