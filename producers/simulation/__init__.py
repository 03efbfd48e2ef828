"""What the simulated source plays: jobs in time, noise, and the racks that report."""
