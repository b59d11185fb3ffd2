"""The checker that pytest puts on every annotated function of auvseg: types and array shapes."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
