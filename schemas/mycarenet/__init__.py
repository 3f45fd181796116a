"""What the gateway and MyCareNet say to each other; the mock is the other side of it.

MyCareNet publishes no machine interface for ChronicCare: this one is our own invention, in the style of its
GenericAsync service. A message gets a technical acknowledgement at once, and a business answer later from a mailbox.
Requests refuse unknown members. Answers leave them out: the other side may learn to say more before we listen.

| room | holds |
|---|---|
| `values` | what both sides agree to call things |
| `fhir` | the body of a message: a FHIR R4 message Bundle |
| `outcomes` | the one form of every no |
| `messages` | a message and its technical acknowledgement |
| `answers` | the mailbox: answers and their confirmation |
| `statement` | what MyCareNet received, decided and answered, for reconciliation |
| `ehealth` | no part of that: eHealth's blind pseudonymisation, which no client sees either |
| `stand_in` | what the mock alone says: ledger, scenario, faults, members, tokens |
"""
