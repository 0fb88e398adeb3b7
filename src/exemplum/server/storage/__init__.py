"""The database, and the files written from it."""
