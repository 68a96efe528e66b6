"""The page of a run: one HTML file with everything in it, for screen and paper.

Every text is escaped. Pictures and films are embedded, so the file can be sent to
somebody; nothing is fetched from elsewhere.
"""

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".mp4": "video/mp4"}
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
CSS = """
:root { --ink: #222; --soft: #5f6368; --line: #dcdfe3; --paper: #fff; --wash: #f6f7f8;
  --raises: #D55E00; --lowers: #0072B2; }
* { box-sizing: border-box; }
html { background: var(--wash); }
body { margin: 0 auto; max-width: 1080px; padding: 2.2rem 2.6rem 4rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .5rem; padding-top: .8rem;
  border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p { margin: .4rem 0 .7rem; max-width: 82ch; overflow-wrap: anywhere; }
nav { margin: 1.2rem 0 0; font-size: .9rem; color: var(--soft); }
nav a { color: var(--lowers); margin-right: 1.1rem; text-decoration: none;
  white-space: nowrap; }
nav a:hover { text-decoration: underline; }
figure { margin: 1rem 0 1.6rem; break-inside: avoid; }
figure img, figure video { display: block; max-width: 100%; height: auto;
  margin: 0 auto; }
figcaption { color: var(--soft); font-size: .87rem; margin-top: .5rem; max-width: 96ch;
  overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: .7rem 0 .3rem; font-size: .85rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .8rem .28rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; }
.number, .short { white-space: nowrap; }
.notice { background: #fff6ec; border-left: 4px solid var(--raises);
  padding: .55rem .9rem; }
b.raises { color: var(--raises); } b.lowers { color: var(--lowers); }
@page { size: A4; margin: 14mm 12mm; }
@media print {
  html { background: none; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, video { display: none; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


class Page:
    """A page that grows from top to bottom.

    Parameters
    ----------
    title, subtitle : str
    """

    def __init__(self, title, subtitle):
        self.title, self.subtitle = title, subtitle
        self.parts, self.headings = [], []

    def add_section(self, heading):
        anchor = f"part-{len(self.headings)}"
        self.headings.append((anchor, heading))
        self.parts.append(f'<h2 id="{anchor}">{escape(heading)}</h2>')

    def add_heading(self, text):
        self.parts.append(f"<h3>{escape(text)}</h3>")

    def add_text(self, text, notice=False):
        kind = ' class="notice"' if notice else ""
        self.parts.append(f"<p{kind}>{escape(text)}</p>")

    def add_figure(self, path, caption, width=None):
        """Embed a PNG, with a sentence of what it shows and what it does not."""
        style = f' style="width: {width}px"' if width else ""
        self.parts.append(
            f'<figure><img src="{embed(path)}" alt="{escape(caption)}"{style}>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def add_film(self, path, caption):
        """Embed an MP4; paper shows its caption alone."""
        self.parts.append(
            f'<figure><video controls loop muted playsinline src="{embed(path)}">'
            f"</video><figcaption>{escape(caption)}</figcaption></figure>"
        )

    def add_table(self, columns, rows, caption=""):
        """Add a table; columns that hold numbers stand flush right.

        Parameters
        ----------
        columns : sequence of str
        rows : sequence of sequences of str, int or float
        caption : str, optional
        """
        numeric = [
            all(isinstance(row[i], (int, float)) or row[i] in ("", "–") for row in rows)
            for i in range(len(columns))
        ]

        def cell(tag, value, is_number):
            text = show(value)
            kind = "number" if is_number else "short" if len(text) < 32 else ""
            return f'<{tag} class="{kind}">{escape(text)}</{tag}>'

        def line(tag, values):
            cells = map(cell, [tag] * len(values), values, numeric)
            return f"<tr>{''.join(cells)}</tr>"

        body = "".join(line("td", row) for row in rows)
        self.parts.append(
            f'<div class="table"><table><thead>{line("th", columns)}</thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
        if caption:
            self.parts.append(f"<figcaption>{escape(caption)}</figcaption>")

    def render(self):
        """Render the page as HTML."""
        links = "\n".join(
            f'<a href="#{anchor}">{escape(heading)}</a>'
            for anchor, heading in self.headings
        )
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{CSS}</style></head><body>\n"
            f"<h1>{escape(self.title)}</h1><p>{escape(self.subtitle)}</p>"
            f"<nav>{links}</nav>\n{chr(10).join(self.parts)}\n</body></html>\n"
        )


def show(value):
    """Write a value for a table: numbers with three decimals, NaN as a dash."""
    if isinstance(value, float):
        if value != value:
            return "–"
        text = f"{value:.1g}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"
        return text.replace("-", "−")
    return str(value)


def embed(path):
    """Turn a file into a data URI; a figure is packed as small as it looks the same."""
    path = Path(path)
    content, kind = path.read_bytes(), TYPES[path.suffix]
    if path.suffix == ".png":
        content, kind = pack_figure(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def pack_figure(content):
    """Pack a PNG: drawings in 256 colours, photographs as JPEG.

    Returns
    -------
    (bytes, str)
        Content and its type.
    """
    with Image.open(io.BytesIO(content)) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if "A" in image.mode else None)
    drawing, photograph = io.BytesIO(), io.BytesIO()
    flat.quantize(256, dither=Image.Dither.NONE).save(drawing, "PNG", optimize=True)
    flat.save(photograph, "JPEG", quality=88, subsampling=0, optimize=True)
    smallest = min(drawing, photograph, key=lambda file: len(file.getvalue()))
    return smallest.getvalue(), TYPES[".png" if smallest is drawing else ".jpg"]
