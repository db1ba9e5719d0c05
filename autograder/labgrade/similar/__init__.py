"""Answers that are alike beyond what the task explains: a hint for a person, never a verdict."""

from labgrade.similar.answers import AnswerShelf, Unit
from labgrade.similar.pairs import SimilarPair, find_pairs

__all__ = ["AnswerShelf", "SimilarPair", "Unit", "find_pairs"]
