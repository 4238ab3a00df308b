"""Code that builders share: scenes, levels and trials of sounds, and a folder for each family of sets."""
