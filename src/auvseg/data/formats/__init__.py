"""One reader per family of file formats, all with the same `Header` and `RawArray`; chosen by `auvseg.data.reading`."""
