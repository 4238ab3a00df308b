"""Fuzzing of every reader: `mutations` damage files, `readers` read them, `campaign` counts what falls."""
