"""What makes student content safe: HTML, drawings, pictures, terminal text, Markdown, and the policy."""

from __future__ import annotations

import base64
import io
import re
import struct
import time
import zlib
from pathlib import Path

import nh3
import pytest
from hostile_outputs import HTML, LATEX, MARKDOWN, RUN, SVG, TEXTS, URL, hostile_outputs
from labgrade.pages import (
    OutputRenderer,
    clean_text,
    content_policy,
    highlight_python,
    render_ansi,
    render_markdown,
    sanitise_html,
    shorten_text,
)
from labgrade.pages.drawing import DrawingError, clean_svg
from labgrade.pages.formula import render_formula
from labgrade.pages.images import image_address, make_address

FORBIDDEN = re.compile(
    r"<(?:script|iframe|object|embed|form|input|button|meta|base|link|style|svg|video|audio|textarea|title)\b"
    r"|<[^>]*\s(?:on\w+|style|class|id|srcset|background|formaction|ping)\s*="
    r"|<[^>]*(?:href|src)=[\"'](?!https?:|mailto:|data:image/(?:png|jpeg|gif);)",
    re.IGNORECASE,
)
# The least that a browser needs to show a white dot.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTmAFgAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("name", HTML)
def test_sanitise_hostile_html_leaves_nothing_that_acts(name: str) -> None:
    """Nothing that runs, loads or positions is left, and cleaning it again changes nothing."""
    cleaned = str(sanitise_html(HTML[name]))
    assert not FORBIDDEN.search(cleaned), cleaned
    assert str(sanitise_html(cleaned)) == cleaned


def test_forbidden_pattern_finds_the_attacks_themselves() -> None:
    """The pattern of the test above is not blind: it sees nearly all attacks before they are cleaned."""
    seen = [name for name, html in HTML.items() if FORBIDDEN.search(html)]
    assert len(seen) >= len(HTML) - 8


def test_sanitise_table_of_pandas_stays_a_table() -> None:
    """What a data frame shows as HTML is still a table with spans."""
    html = (
        '<div><style scoped>th {vertical-align: top}</style><table border="1" class="dataframe"><thead>'
        '<tr style="text-align: right;"><th colspan="2">a</th></tr></thead><tbody><tr><td>1</td></tr></tbody>'
        "</table></div>"
    )
    assert str(sanitise_html(html)) == (
        '<div><table><thead><tr><th colspan="2">a</th></tr></thead><tbody><tr><td>1</td></tr></tbody>'
        "</table></div>"
    )


@pytest.mark.parametrize("tag", ["p", "b", "table", "ul"])
def test_sanitise_plain_markup_is_kept(tag: str) -> None:
    """Text markup is not lost."""
    inner = {"table": "<tbody><tr><td>x</td></tr></tbody>", "ul": "<li>x</li>"}.get(tag, "x")
    assert str(sanitise_html(f"<{tag}>{inner}</{tag}>")) == f"<{tag}>{inner}</{tag}>"


@pytest.mark.parametrize("name", SVG)
def test_clean_svg_hostile_drawing_is_refused_or_harmless(name: str) -> None:
    """No script, event, foreign content, entity or address is left in a drawing."""
    try:
        cleaned = clean_svg(SVG[name]).decode()
    except DrawingError:
        assert name in ("entities", "external entity", "copies of copies", "no drawing")
        return
    assert name not in ("entities", "external entity", "copies of copies", "no drawing")
    for word in ("script", "onload", "http:" + "//a", URL, "foreignObject", "iframe", "@import", RUN):
        assert word not in cleaned
    assert "<rect" in cleaned or name == "foreign content"


def test_clean_svg_drawing_that_copies_itself_in_a_circle_is_refused() -> None:
    """Two groups that use each other would be drawn for ever."""
    ns = 'xmlns="http://www.w3.org/2000/svg"'
    with pytest.raises(DrawingError, match="copies itself"):
        clean_svg(f'<svg {ns}><g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g></svg>')


def test_image_address_only_pictures_that_are_what_they_say() -> None:
    """A PNG passes; HTML, SVG, a renamed JPEG, a bomb and other addresses do not."""
    from PIL import Image

    dot, jpeg = base64.b64decode(DOT), io.BytesIO()
    Image.new("L", (1, 1)).save(jpeg, "JPEG")
    size = struct.pack(">II", 60_000, 60_000)
    header = dot[12:16] + size + dot[24:29]
    bomb = dot[:12] + header + struct.pack(">I", zlib.crc32(header)) + dot[33:]
    assert image_address(f"data:image/png;base64,{DOT}") == f"data:image/png;base64,{DOT}"
    html = base64.b64encode(b"<script>").decode()
    for address in (
        f"data:text/html;base64,{html}",
        f"data:image/png;base64,{html}",
        f"data:image/jpeg;base64,{DOT}",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,???",
        f"data:image/png;base64,{base64.b64encode(bomb).decode()}",
        f"data:image/png;base64,{base64.b64encode(jpeg.getvalue()).decode()}",
        "https://example.org/x.png",
        "x.png",
        "",
    ):
        assert image_address(address) is None, address[:60]
    assert make_address("image/svg+xml", DOT) is None


def test_clean_text_misleading_characters_become_visible() -> None:
    """Reordering, control characters and half surrogate pairs are replaced; other scripts are not."""
    assert clean_text("a\u202eb\u2066c\x00\ud800") == "a\ufffdb\ufffdc\ufffd\ufffd"
    assert clean_text("naïve 漢字 עברית 🙂\t\n") == "naïve 漢字 עברית 🙂\t\n"
    assert clean_text("1%\r50%\r100%\nok\r\nend\r") == "100%\nok\nend"


def test_render_ansi_colours_become_classes_and_other_escapes_go() -> None:
    """Bold red text keeps its look; links, cursor movement and titles of windows leave no trace."""
    html = render_ansi(
        "\x1b[1;31mred\x1b[0m <b>\x1b]8;;http://x\x07link\x1b]8;;\x07\x1b[2J\x1b[38;5;200mpink\x1b[39m"
    )
    assert str(html) == '<span class="ansi-bold ansi-1">red</span> &lt;b&gt;linkpink'


def test_shorten_text_keeps_beginning_and_end() -> None:
    """The end, where an error stands, is kept, and what is left out is counted."""
    text, note = shorten_text("\n".join(str(n) for n in range(1000)), max_lines=100)
    assert text.startswith("0\n1\n")
    assert text.endswith("\n998\n999")
    assert note == "900 lines in the middle are not shown"
    assert shorten_text("short") == ("short", "")
    long, _ = shorten_text("x" * 100_000)
    assert len(long) < 2_000


@pytest.mark.parametrize("text", [*MARKDOWN, *LATEX, *HTML.values()], ids=lambda text: text[:24])
def test_render_markdown_hostile_text_leaves_nothing_that_acts(text: str) -> None:
    """HTML in Markdown is text, links go to web pages only, and formulas hold no HTML."""
    assert not FORBIDDEN.search(str(render_markdown(text)))
    assert not FORBIDDEN.search(str(render_markdown(text, may_have_html=True)))


def test_render_markdown_formulas_tables_and_pictures_are_shown() -> None:
    """What a good answer holds is not lost."""
    html = str(
        render_markdown(
            "**b** $x^2$\n\n| a |\n|---|\n| 1 |\n\n![dot](attachment:dot.png) ![beside](plot.png) ![away](http://x/y.png)",
            {"dot.png": {"image/png": DOT}},
            lambda name: f"data:image/png;base64,{DOT}" if name == "plot.png" else None,
        )
    )
    assert "<strong>b</strong>" in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html
    assert "<td>1</td>" in html
    assert html.count(f'src="data:image/png;base64,{DOT}"') == 2
    assert '<img alt="away">' in html


def test_render_formula_unknown_command_is_shown_as_typed() -> None:
    """Nothing of a formula is lost when it cannot be set."""
    assert str(render_formula(r"\unknowncommand{x} < y")) == r"<code>\unknowncommand{x} &lt; y</code>"


def test_highlight_python_escapes_and_colours() -> None:
    """Source that looks like HTML stays source."""
    html = str(highlight_python("x = '</pre><script>'  # <b>"))
    assert "<script" not in html
    assert "&lt;/pre&gt;&lt;script&gt;" in html
    assert '<span class="' in html
    assert re.sub(r"<[^>]*>", "", html) == "x = '&lt;/pre&gt;&lt;script&gt;'  # &lt;b&gt;"


def test_outputs_hostile_all_together_stay_within_the_room_of_a_page() -> None:
    """Every output gives something or nothing, never an exception, and a page does not grow out of hand."""
    shown = OutputRenderer(max_page_chars=10_000, max_outputs=1_000)
    html = "".join(shown.render_cell(hostile_outputs()))
    assert len(html) < 11_000
    assert not re.search(r"<(?:script|iframe|style|form)\b|<[^>]*\son\w+=", html)
    assert html.count("More outputs follow") == 1
    assert len("".join(OutputRenderer(max_outputs=1_000).render_cell(hostile_outputs()))) < 1_000_000


def test_outputs_widget_and_script_are_named_not_run() -> None:
    """A note says what stood there, with the text form beside it."""
    shown = OutputRenderer()
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(3)"}
    html = shown.render({"output_type": "display_data", "data": widget})
    assert "An interactive widget stood here" in html
    assert "IntSlider(3)" in html
    html = shown.render({"output_type": "display_data", "data": {"application/javascript": RUN}})
    assert "not run" in html
    assert RUN not in html
    unknown = shown.render({"output_type": "display_data", "data": {"application/x-odd": 1}})
    assert "application/x-odd" in unknown


@pytest.mark.parametrize("damaged", [None, 7, [], [3], {}, [{"output_type": 4}], [{"output_type": "error"}]])
def test_outputs_damaged_lists_show_what_they_can(damaged: object) -> None:
    """A list that is none, or holds what is no output, is no reason to fail."""
    assert isinstance(OutputRenderer().render_cell(damaged), list)


def test_content_policy_names_each_style_and_refuses_text_that_ends_it() -> None:
    """The hash is that of the element's text, and a text that would close its element is refused."""
    policy = content_policy(["a{}"], ["1"])
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert "unsafe" not in policy
    assert content_policy([]).count("'none'") == 5
    with pytest.raises(ValueError, match="</"):
        content_policy(["</style>"])


def test_rendering_time_grows_slowly_on_text_made_to_be_slow() -> None:
    """Text on which parsers backtrack costs seconds at most, all together (CPU time, generous)."""
    began = time.process_time()
    for text in ("&" * 2_000, "`a" * 1_000, "[" * 2_000, "1 " * 6_000, "|a" * 1_000 + "\n" + "|-" * 900):
        render_markdown(text)
    for text in ("\x1b[" + "0;" * 50_000, "\x1b[31m" * 20_000, "a\r" * 50_000, "\x1b]" * 50_000):
        render_ansi(text)
    for html in ("<b>" * 50_000, "<" * 200_000, "<!--" * 50_000, "&" * 200_000):
        sanitise_html(html)
    for text in TEXTS:
        shorten_text(clean_text(text))
    assert time.process_time() - began < 30


def test_safe_markdown_keeps_what_a_lab_unfolds() -> None:
    """In formgrader a lab's own text keeps its HTML: hints unfold, pictures of cells are there."""
    from jinja2 import Environment
    from labgrade.pages.formgrader import safe_markdown

    environment = Environment(autoescape=False)
    environment.filters["markdown2html"] = safe_markdown
    cell = {"source": "<details><summary>Hint</summary>\n\n**b**\n\n</details>\n\n![d](attachment:d.png)"}
    cell["attachments"] = {"d.png": {"image/png": DOT}}
    html = environment.from_string("{{ cell.source | markdown2html }}").render(cell=cell)
    assert "<details><summary>Hint</summary>" in html
    assert "<strong>b</strong>" in html
    assert f'src="data:image/png;base64,{DOT}"' in html


def test_write_settings_are_written_once_and_never_over_others(tmp_path: Path) -> None:
    """A folder's own settings stay; new ones can be read by nbgrader."""
    from labgrade.pages.formgrader import write_settings
    from traitlets.config import Config

    write_settings(tmp_path)
    path = tmp_path / "nbgrader_config.py"
    config = Config()
    exec(compile(path.read_text(), str(path), "exec"), {"get_config": lambda: config})
    assert config.HTMLExporter.sanitize_html is True
    path.write_text("# mine")
    write_settings(tmp_path)
    assert path.read_text() == "# mine"


def test_nh3_knows_every_option_that_is_used() -> None:
    """The cleaner is made with the installed nh3; an older one would fail here, not on a student's page."""
    assert hasattr(nh3, "Cleaner")
    assert str(sanitise_html("<p>x", may_have_math=True)) == "<p>x</p>"
