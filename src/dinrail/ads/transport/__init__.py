"""Links over real networks: TCP, UDP, TLS, MQTT. The only rooms of the wing with sockets, beside the client."""
