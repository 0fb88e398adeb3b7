"""What stages run on: progress, a cluster, the hardware."""
