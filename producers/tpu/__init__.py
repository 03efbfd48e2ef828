"""The TPU's own interfaces: the runtime's metric service, libtpu's monitoring, and the devices in sysfs."""
