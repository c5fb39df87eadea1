"""One recipe of training for candidates and winners."""
