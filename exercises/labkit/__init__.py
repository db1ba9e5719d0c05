"""What student notebooks import: checks, data, plots, submitting."""
