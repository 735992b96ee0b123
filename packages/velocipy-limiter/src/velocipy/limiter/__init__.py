"""Rate limiting. Holds nothing yet but its version; knows no routes, no protocols and no Redis.

What it will hold: rules, the fixed-window, sliding-window and token-bucket algorithms, `Limiter`, the `rate_limit` dependency, a
middleware, identities, the RateLimit headers, and the storage protocol with its in-memory storage.
"""
