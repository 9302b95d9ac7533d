"""TTSF, trained: face half, speech half, vocoder, motion, joint."""
