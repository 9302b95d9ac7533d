"""S2TF, trained."""
