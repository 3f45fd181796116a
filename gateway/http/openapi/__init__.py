"""The OpenAPI 3.1 document: made from the routes, the rights, the wire's schemas and the tree of problems."""
