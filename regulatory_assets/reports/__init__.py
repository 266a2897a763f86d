"""The reports, one folder each: stages, tables, parameters and cases of one regulation."""
