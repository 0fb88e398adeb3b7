"""Content of the pages: images for participants, the monitor for experimenters."""
