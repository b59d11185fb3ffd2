"""Compare predictions with labels: Dice, IoU, surface Dice and Hausdorff distance per case and class."""
