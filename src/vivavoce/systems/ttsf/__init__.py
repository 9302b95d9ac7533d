"""TTSF: a portrait and a text become a voice and a talking face, made together."""
