"""SDM, trained."""
