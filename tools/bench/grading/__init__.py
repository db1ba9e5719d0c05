"""The parts of ``bench_grade.py``."""
