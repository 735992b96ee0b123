"""Scalar and ReDoc for velocipy-openapi's document. Holds nothing yet but its version.

What it will hold: the files of Scalar and ReDoc, and the pages that show them. Swagger UI is in velocipy-openapi.
"""
