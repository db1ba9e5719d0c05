"""Tables, files and pages that people read after a job."""

from labgrade.report.files import write_csv, write_json
from labgrade.report.reading import ClassResults, read_results
from labgrade.report.table import format_table

__all__ = ["ClassResults", "format_table", "read_results", "write_csv", "write_json"]
