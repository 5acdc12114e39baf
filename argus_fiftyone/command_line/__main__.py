"""`python -m argus_fiftyone.command_line`, where the `argus` command is not on the path."""

from argus_fiftyone.command_line import main

main()
