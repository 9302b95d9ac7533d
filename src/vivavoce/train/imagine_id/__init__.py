"""ImagineID, trained."""
