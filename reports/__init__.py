"""The JSON Schema of reports: data, no code."""
