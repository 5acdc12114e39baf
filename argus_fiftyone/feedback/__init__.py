"""What people's decisions teach: thresholds and prompts."""
