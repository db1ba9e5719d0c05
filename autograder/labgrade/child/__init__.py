"""The student's side: a warm process that forks one child for each submission, and what runs in the child."""
