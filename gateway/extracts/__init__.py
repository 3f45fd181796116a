"""Extracts as files: the formats, the dictionary, the report and the worked examples. Stage: anonymous."""
