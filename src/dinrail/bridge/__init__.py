"""The channel as ADS devices: the only room that knows both control and ads."""
