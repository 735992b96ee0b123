"""Security schemes. Holds nothing yet but its version; knows no protocols and no OpenAPI.

What it will hold: API keys by header, query or cookie, HTTP basic and bearer, OAuth2 password bearer, and CSRF protection.
"""
