"""ID Quantique: Cerberis 3, coherent one-way."""
