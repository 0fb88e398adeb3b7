"""A traced network as a graph: traced, cut, rewritten, and the shapes of its layers."""
