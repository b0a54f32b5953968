"""AMS traffic to and from pcap files, and frames in words."""
