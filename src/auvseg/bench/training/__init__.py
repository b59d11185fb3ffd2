"""Compare trainings with and without filtering and DUO: nnU-Net on noisy training cases, evaluated on clean ones."""
