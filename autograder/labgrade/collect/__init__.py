"""From an LMS download to ``FOLDER/STUDENT/…``: no archive is trusted, and nobody is guessed."""
