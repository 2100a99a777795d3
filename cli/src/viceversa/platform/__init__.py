"""The local platform: PostgreSQL, Redis, a broker, an identity provider and every service, as processes on one machine.

`viceversa.platform.local.LocalPlatform` starts and keeps all of it; nothing is imported here, because the small
processes of the platform live in this package too and start in a fraction of a second only while that stays so.
"""
