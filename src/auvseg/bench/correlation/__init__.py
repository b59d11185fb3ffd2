"""Correlate measures with a network's Dice, with and without the effect of a structure's size."""
