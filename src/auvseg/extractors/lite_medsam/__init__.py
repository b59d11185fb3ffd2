"""LiteMedSAM: box prompts on 2D planes; the weights come with a package."""
