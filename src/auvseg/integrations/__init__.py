"""Where other people's frameworks meet auvseg."""
