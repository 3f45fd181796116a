"""The document: that it is valid, that it says what the code does, and that the gateway keeps to it."""
