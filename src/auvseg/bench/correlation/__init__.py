"""Does a measure go along with what a network reaches? Measures against Dice, beside and beyond a structure's size."""
