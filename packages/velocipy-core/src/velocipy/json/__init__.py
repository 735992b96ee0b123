"""JSON encoders, one a file, and the choice between them. Knows no HTTP and no models."""

from velocipy.json.base import JSONEncoder, best_encoder, find_encoder

__all__ = ["JSONEncoder", "best_encoder", "find_encoder"]
