"""One reader a layout, each with `recognises(path)` and `read(path)`, which makes a `Dataset` of it."""
