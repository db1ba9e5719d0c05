"""Write results where nbgrader keeps them: its gradebook and its autograded notebooks.

Nothing is imported here: workers need the notebooks only, and SQLAlchemy takes half a second.
"""
