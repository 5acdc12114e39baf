"""The operators: forms and messages around the dataset layer, no arithmetic of their own.

One file per group: `importing`, `computing`, `evaluating`, `runs`, `reviewing`.
`base` holds what they share, `forms` the inputs that several of them ask for.
"""
