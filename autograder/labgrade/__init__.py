"""Grade a whole class: collect, prepare, run, verify, score, record, report."""
