"""Key quality: whether what is handed out is even, independent, and not computable from what is public."""

from conformance.quality.battery import LEAST_BITS, Judgement, Property, judge, power, shortage
from conformance.quality.oddity import Oddity
from conformance.quality.sample import Sample, Specimen

__all__ = ["LEAST_BITS", "Judgement", "Oddity", "Property", "Sample", "Specimen", "judge", "power", "shortage"]
