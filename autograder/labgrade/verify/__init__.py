"""The trusted side: walks through a notebook, asks the student's process, judges the tests."""
