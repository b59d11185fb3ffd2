"""Does filtering help, does DUO? Faults in training cases, nnU-Net trained every way, judged on clean cases."""
