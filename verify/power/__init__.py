"""Wrong implementations made from the spec's own terms: which law catches which, and how small an error each law would have noticed."""

from verify.power.inputs import measure_inputs
from verify.power.table import Power, measure

__all__ = ["Power", "measure", "measure_inputs"]
