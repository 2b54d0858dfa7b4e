"""How well a locked signature does, with an interval and a named method for every number.

The modules go from the small to the whole: ``estimate`` (what an estimate is),
``discrimination``, ``classification``, ``loess``, ``calibration`` (a binary outcome),
``concordance``, ``cox``, ``survival``, ``horizon`` (a survival outcome), ``decision`` (both),
``centres`` and ``multiplicity`` (many estimates), ``reclassification`` and ``added`` (what one
signature adds to another), ``precision_recall``, ``operating``, ``recalibration``, ``restricted``,
``over_time``, ``subgroups`` and ``optimism`` (one question each), ``group``, ``binary`` and
``timed`` (all that is measured on one cohort), ``study`` (all tables of a study), ``verdict`` and
``wording`` (the sentence on the first page).
"""
