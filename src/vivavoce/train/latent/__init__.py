"""The latent diffusion base, trained."""
