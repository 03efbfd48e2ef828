"""AMD's own interfaces: what their readings mean, and the two ways to get them."""
