"""MedSAM2: box prompts on 2D planes, or one prompt whose mask is propagated between planes."""
