"""One reader a family of file formats, each giving the same `Header` and `RawArray`; `auvseg.data.reading` chooses."""
