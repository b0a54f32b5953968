"""The ADS wing: router, devices, policy, discovery, transports and client. Useful alone: `pip install dinrail[ads]`."""
