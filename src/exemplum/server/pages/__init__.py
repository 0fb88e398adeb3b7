"""What pages show: images for participants, the monitor for experimenters."""
