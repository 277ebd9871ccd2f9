"""Write, seal, switch and read generations; never fit or draw anything."""
