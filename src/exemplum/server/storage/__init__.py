"""The database, and the files that are written from it."""
