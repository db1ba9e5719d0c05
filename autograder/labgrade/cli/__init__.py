"""Commands of the autograder."""
