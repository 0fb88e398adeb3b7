"""Write the generated pages: python -m tools.reference."""

from tools.reference import generated_pages

if __name__ == "__main__":
    for path, text in generated_pages().items():
        path.write_text(text, encoding="utf-8")
