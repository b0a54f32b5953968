"""A client for any ADS device."""
