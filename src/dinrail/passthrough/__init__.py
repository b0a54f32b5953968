"""May this device go to a guest, and what has to change for it? Facts in; findings and a change plan out."""
