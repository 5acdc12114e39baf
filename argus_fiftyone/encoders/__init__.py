"""Images and prompts → dense, text-aligned features behind one small protocol.

This folder is the only place that knows torch models. Everything downstream sees
`ImageFeatures` and unit text vectors, whichever towers made them.
"""
