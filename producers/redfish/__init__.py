"""Power meters over Redfish: the client, what its answers say of power, and one meter read again and again."""
