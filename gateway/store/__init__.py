"""The register: the only home of SQLAlchemy; sees pseudonyms, never identities."""
