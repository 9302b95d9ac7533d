"""SDM: a portrait and speech become landmarks in motion, by shallow diffusion, and a video."""
