"""The trusted side: walks through a notebook, asks the student's process, and decides what each test is worth."""
