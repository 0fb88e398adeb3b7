"""The responses of people and machines: one table, its reader, and rules of exclusion. Imports without torch."""
