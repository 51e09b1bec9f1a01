"""The desk: who may submit what, what was submitted, and what becomes of it."""
