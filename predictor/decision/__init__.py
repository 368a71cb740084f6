"""Decision: which trainings to launch, from joint draws of the candidates' outcomes; pure maths."""
