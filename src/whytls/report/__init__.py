"""Diagnoses to what people and machines read; decides nothing."""
