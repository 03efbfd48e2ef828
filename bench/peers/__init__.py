"""What others take for the same fleet: Prometheus, VictoriaMetrics, and a Faust app as it is usually written."""
