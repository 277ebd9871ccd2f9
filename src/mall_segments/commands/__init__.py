"""The commands of ``mall-segments``: one light module each, named like its command."""
