"""Small trees with the layout, the schemas and the odd cases of real corpora, one module each."""
