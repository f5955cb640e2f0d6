"""The HTTP face of warehouse_service: parameters in, checked; answers out."""

from warehouse_service.endpoints.routes import routes

__all__ = ["routes"]
