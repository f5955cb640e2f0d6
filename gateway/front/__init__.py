"""The gateway's own front for uvicorn: `uvicorn.Config(http=front_protocol(FrontBounds(...)))`; see protocol.py."""

from gateway.front.bounds import FrontBounds
from gateway.front.descriptors import raise_descriptor_limit
from gateway.front.protocol import front_protocol

__all__ = ["FrontBounds", "front_protocol", "raise_descriptor_limit"]
