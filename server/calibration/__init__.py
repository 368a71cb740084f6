"""Measured outcomes and calibrations, per tenant."""
