"""media: files in, files out."""
