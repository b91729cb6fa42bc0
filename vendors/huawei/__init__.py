"""Huawei Düsseldorf (HWDU): continuous-variable modules that pair freely over switches."""
