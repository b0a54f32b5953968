"""ADS side by side: our router and device, pyads' test server, and a bare echo of the same bytes as the floor."""
