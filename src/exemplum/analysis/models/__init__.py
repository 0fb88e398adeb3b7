"""Mixed models and generalized estimating equations."""
