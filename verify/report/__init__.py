"""The report: its model and its renderings."""
