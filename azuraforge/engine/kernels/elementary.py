"""exp, log, tanh, sigmoid, erf and cdf of a float32, for the loops of kernels; see formulas.py."""

from __future__ import annotations

from azuraforge.engine.kernels import formulas
from azuraforge.engine.kernels.lanes import of_a_number

exp = of_a_number(formulas.exp)
log = of_a_number(formulas.log)
tanh = of_a_number(formulas.tanh)
sigmoid = of_a_number(formulas.sigmoid)
erf = of_a_number(formulas.erf)
cdf = of_a_number(formulas.cdf)
