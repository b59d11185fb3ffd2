"""Every problem of a data set, as findings; one bad file never stops the run."""
