"""Demo data of the all-in-one, made once through the services' own functions: enough that every API and every chart shows something."""
