"""The wire contract: what another program must agree with us about."""
