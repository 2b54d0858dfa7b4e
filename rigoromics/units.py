"""Units of time between dates."""

# Mean Gregorian month and year.
DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.436875, "years": 365.2425}
