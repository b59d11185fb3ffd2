"""Read and write files safely: atomic writes, folders that auvseg owns, guarded CSV, validated JSON."""
