"""The released configurations: one TOML file each, the file is the recipe."""
