"""LiteMedSAM: box prompts on 2D planes, weights with the package."""
