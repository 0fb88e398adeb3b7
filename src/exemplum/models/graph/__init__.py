"""Networks as graphs: tracing, cutting, rewriting, and the shapes of layers."""
