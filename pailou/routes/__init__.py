"""`pailou routes`: the route table as a file that can live in git: written, checked, compared, brought into force."""
