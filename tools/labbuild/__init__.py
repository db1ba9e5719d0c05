"""Compile lab sources into student, solution and nbgrader notebooks, and prove them sound."""
