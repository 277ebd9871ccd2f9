"""Settings proposed for a shop's own file, with a reason for each choice.

It holds: facts about columns, the choices made from them, and the settings file they
are written to. It never holds how a file is opened; that is `mall_segments.intake`.
"""
