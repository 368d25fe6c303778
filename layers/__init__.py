"""The layer catalogue: one TOML file a layer, shared code lists in `codes/`."""
