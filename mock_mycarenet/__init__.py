"""A stand-in for MyCareNet that ships with the gateway; the two meet only in `schemas`."""
