"""The verbs of ``labs`` that students use."""
