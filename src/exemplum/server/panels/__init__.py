"""Panels that recruit and pay participants: links with their placeholders, and files in their formats."""
