"""Given."""


def read_words(path):
    """Return the lines of a file."""
    with open(path) as file:
        return file.read().split()
