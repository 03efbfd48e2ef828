"""AWS Neuron's own interfaces: the driver's sysfs, `neuron-monitor`, and minutes made of both."""
