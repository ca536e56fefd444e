"""Carillon's own code: one layer, because every function must agree on item shapes."""
