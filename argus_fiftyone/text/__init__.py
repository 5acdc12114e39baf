"""The user's words → what to look for, and the prompts an encoder reads."""
