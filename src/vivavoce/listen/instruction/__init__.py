"""instruction: what a face shall do, in English words: written, varied, and read back."""
