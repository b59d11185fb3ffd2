"""Check a data set and report all problems as findings; one bad file never stops the run."""
