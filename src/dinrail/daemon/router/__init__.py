"""The router's process: doors, devices and policy joined around `ads.router`. Wiring only; it needs no privileges."""
