"""What models of whole volumes share."""
