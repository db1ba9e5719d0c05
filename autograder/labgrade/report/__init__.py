"""Tables and files that people read after a job."""

from labgrade.report.files import write_csv, write_json
from labgrade.report.table import format_table

__all__ = ["format_table", "write_csv", "write_json"]
