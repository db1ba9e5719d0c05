"""From a graded class to the files that an LMS takes: what is not known is left open, never 0."""
