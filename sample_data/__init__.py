"""An invented village, made by the seeded script in this folder."""
