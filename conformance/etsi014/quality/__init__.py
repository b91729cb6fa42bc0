"""Key quality: whether what a KME hands out is even, independent, and not computable from what is public."""

from conformance.etsi014.quality.battery import LEAST_BITS, Judgement, Property, judge, power, shortage
from conformance.etsi014.quality.oddity import Oddity
from conformance.etsi014.quality.sample import Sample, Specimen

__all__ = ["LEAST_BITS", "Judgement", "Oddity", "Property", "Sample", "Specimen", "judge", "power", "shortage"]
