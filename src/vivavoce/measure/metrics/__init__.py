"""metrics: numbers about clips, with their units, directions and judges."""
