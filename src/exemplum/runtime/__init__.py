"""Progress bars, Ray clusters, and the hardware."""
