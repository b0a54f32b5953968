"""Who may do what: rules by source, port, command, index group range and symbol. Pure."""
