"""The paper: figures, tables, sentences, and the HTML and PDF that hold them."""
