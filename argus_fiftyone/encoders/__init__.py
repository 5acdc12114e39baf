"""Pictures and prompts → dense, text-aligned features behind one small protocol.

This folder is the only place that knows torch models. Everything downstream sees
`PictureFeatures` and unit text vectors, whichever towers made them.
"""

from argus_fiftyone.encoders.protocol import Encoder, EncoderUnavailable, PictureFeatures, PlaceReader

__all__ = ["Encoder", "EncoderUnavailable", "PictureFeatures", "PlaceReader"]
