"""What models of 2D planes and boxes share."""
