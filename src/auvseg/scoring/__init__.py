"""From cases to records to the scores table: one atomic file a case, resumable, in any order."""
