"""How well machines predict people: unit by unit, trial by trial, and what that saves."""
