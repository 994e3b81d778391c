"""What calsync decides, as plain functions over plain values: no network, file, clock or random number."""
