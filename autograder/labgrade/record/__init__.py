"""Write results where nbgrader keeps them: its gradebook and its autograded notebooks."""

from labgrade.record.autograded import autograded_files, write_autograded
from labgrade.record.gradebook import Gradebook

__all__ = ["Gradebook", "autograded_files", "write_autograded"]
