"""From a thousand features to a few: the learning steps that come before the model.

Every step is a scikit-learn transformer from table to table, so that one pipeline holds all that
learns and a fold can refit it as a whole (rule of evidence 2).
"""
