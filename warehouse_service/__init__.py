"""Warehouses and stock of the merchants: counted, held for orders, released, shipped; the owner of the warehouse database."""

__version__ = "0.1.0"
