"""calsync keeps each SuperOffice diary and its user's own calendar the same."""
