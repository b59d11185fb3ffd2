"""Does a measure find faults here? Known faults are planted into a user's own cases, and every measure is judged."""
