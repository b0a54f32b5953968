"""Device servers behind AMS ports: memory, symbols, handles, sum commands, notifications. Pure.

    AdsDevice (device)  <-  MemoryDevice (memoried)  <-  SymbolDevice (symbolic)
        |  commands, permits, prepared answers              names, handles, uploads, methods, online change
        |
    Notifications (notify)  ->  Sampler, Cohort (sampling)  ->  Gather (gather)
        subscriptions, cycles, batches      who is read together       one call for all places of an area

Whoever brings other memory (a control's shared channel) implements `memory.MemoryArea`; other symbols, `source`.
"""
