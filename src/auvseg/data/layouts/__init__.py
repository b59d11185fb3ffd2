"""One reader per layout: `recognises(path)` tells whether it applies, `read(path)` returns a `Dataset`."""
